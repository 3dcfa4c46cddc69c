import { createServer } from 'node:http'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

/** A key pair of an issuer: the public half as a JWK, and a function that signs claims with the private half. */
export interface IssuerKey {
  readonly jwk: JWK
  sign(claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>
}

/** Makes a key pair; its tokens name `kid` unless it is left out, and are valid for an hour from `at`. */
export async function makeIssuerKey(alg: string, kid?: string, at = new Date()): Promise<IssuerKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const name = kid === undefined ? {} : { kid }
  const iat = Math.floor(at.getTime() / 1000)
  return {
    jwk: { ...(await exportJWK(publicKey)), ...name, alg, use: 'sig' },
    sign: (claims = {}, header = {}) =>
      new SignJWT({ scope: 'tools grade', sub: 'issuer-client', iat, exp: iat + 3600, ...claims })
        .setProtectedHeader({ alg, ...name, ...header })
        .sign(privateKey),
  }
}

/** An issuer that publishes keys on this machine, and can stop and restart on the same port. */
export interface Issuer {
  readonly url: URL
  /** How often the address was requested. */
  asked(): number
  publish(...keys: readonly IssuerKey[]): void
  /** Answers with this body and status from now on, until `publish`. */
  answer(status: number, body: string): void
  /** Answers no request from now on until `work` has resolved. */
  hold(work: () => Promise<void>): void
  stop(): Promise<void>
  restart(): Promise<void>
}

/** Starts an {@link Issuer} with the given keys. */
export async function startIssuer(...keys: readonly IssuerKey[]): Promise<Issuer> {
  let reply = { status: 200, body: '' }
  let count = 0
  let before = async () => {}
  const publish = (...published: readonly IssuerKey[]) => {
    reply = { status: 200, body: JSON.stringify({ keys: published.map(({ jwk }) => jwk) }) }
  }
  publish(...keys)
  const server = createServer(async (_, response) => {
    count += 1
    await before()
    response.writeHead(reply.status, { 'content-type': 'application/json', connection: 'close' }).end(reply.body)
  })
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  await listen(0)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const { port } = address
  return {
    url: new URL(`http://127.0.0.1:${port}/jwks.json`),
    asked: () => count,
    publish,
    answer: (status, body) => {
      reply = { status, body }
    },
    hold: (work) => {
      before = work
    },
    stop: () => new Promise<void>((resolve) => server.close(() => resolve())),
    restart: () => listen(port),
  }
}
