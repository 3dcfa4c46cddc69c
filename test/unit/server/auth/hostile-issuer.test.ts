import { createServer, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../../../src/server/auth/authenticate.ts'
import { keysFreshMs, largestKeysBytes } from '../../../../src/server/auth/jwks.ts'
import { authErrorOf, bearer } from '../../../support/auth/auth-error.ts'
import { type Issuer, type IssuerKey, makeIssuerKey, startIssuer } from '../../../support/auth/issuer.ts'

let key: IssuerKey
let token: string
let answer: (response: ServerResponse) => void
let asked = 0
const server = createServer((_, response) => {
  asked += 1
  // Each answer uses its own connection, whatever happened to the previous one.
  response.setHeader('connection', 'close')
  answer(response)
})
let url: URL
let elsewhere: Issuer

beforeAll(async () => {
  key = await makeIssuerKey('ES256', 'key')
  token = await key.sign()
  elsewhere = await startIssuer(key)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  url = new URL(`http://127.0.0.1:${address.port}/jwks.json`)
})
afterAll(async () => {
  await elsewhere.stop()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const good = (response: ServerResponse) => response.end(JSON.stringify({ keys: [key.jwk] }))
/** A well-formed set of keys, the right one among them, with this many bytes of padding. */
const padded = (bytes: number) => JSON.stringify({ pad: 'x'.repeat(bytes), keys: [key.jwk] })

const silence = () => {}
const halfAnAnswer = (response: ServerResponse) => void response.write('{"keys":[')
const bomb = gzipSync(`{"pad":"${'x'.repeat(5_000_000)}","keys":[]}`)

const attacks: readonly [string, (response: ServerResponse) => void, RegExp][] = [
  ['a page of HTML', (response) => response.end('<html>sign in</html>'), /JSON/],
  ['nothing', (response) => response.end(), /JSON/],
  ['JSON that is cut off', (response) => response.end(padded(0).slice(0, -5)), /JSON/],
  ['bytes that are not text', (response) => response.end(Buffer.from([0xff, 0xfe, 0x00])), /JSON/],
  ['null', (response) => response.end('null'), /malformed/],
  ['a list', (response) => response.end(`[${JSON.stringify(key.jwk)}]`), /malformed/],
  ['keys that are not objects', (response) => response.end('{"keys":[null,7,"key"]}'), /malformed/],
  ['an error with keys in it', (response) => response.writeHead(500).end(padded(0)), /200 OK/],
  ['no content', (response) => response.writeHead(204).end(), /200 OK/],
  [
    'a redirect to keys elsewhere',
    (response) => response.writeHead(302, { location: elsewhere.url.href }).end(),
    /200 OK/,
  ],
  ['more than a million bytes', (response) => response.end(padded(largestKeysBytes)), /larger than 1048576 bytes/],
  [
    'a compression bomb',
    (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    /larger than 1048576 bytes/,
  ],
  [
    'bytes without end',
    (response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      }
      response.on('drain', more)
      more()
    },
    /larger than 1048576 bytes/,
  ],
  ['nothing in time', silence, /timed out/],
  ['half an answer', halfAnAnswer, /.+/],
  ['a broken connection', (response) => response.destroy(), /.+/],
]

/** Answers that never end get a short timeout. */
const timeoutFor = (attack: unknown) => (attack === silence || attack === halfAnAnswer ? 300 : 10_000)

describe('an issuer that answers with', () => {
  it.each(attacks)('%s gives no keys: 503, until it recovers', async (_, attack, reason) => {
    let clock = Date.now()
    const warnings: string[] = []
    const deps = {
      now: () => new Date(clock),
      warn: (message: string) => warnings.push(message),
      timeoutMs: timeoutFor(attack),
    }
    const authenticate = createAuthenticator({ keys: [], keyHeaders: [], jwt: { jwksUrl: url } }, deps)
    answer = attack
    expect(await authErrorOf(authenticate(bearer(token)))).toMatchObject({ code: 'keys_unavailable', status: 503 })
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(reason)
    answer = good
    clock += 5_000
    expect((await authenticate(bearer(token))).subject).toBe('issuer-client')
    expect(elsewhere.asked()).toBe(0)
  })

  it.each(attacks)('%s does not replace keys that were fetched before', async (_, attack) => {
    let clock = Date.now()
    const deps = { now: () => new Date(clock), timeoutMs: timeoutFor(attack) }
    const authenticate = createAuthenticator({ keys: [], keyHeaders: [], jwt: { jwksUrl: url } }, deps)
    answer = good
    await authenticate(bearer(token))
    answer = attack
    const before = asked
    clock += keysFreshMs
    expect((await authenticate(bearer(token))).subject).toBe('issuer-client')
    expect(asked).toBe(before + 1)
  })

  it('an invalid key next to a valid one does not affect the valid one', async () => {
    answer = (response) => response.end(JSON.stringify({ keys: [{ kty: 'EC', kid: 'other' }, { kty: 'x' }, key.jwk] }))
    const authenticate = createAuthenticator({ keys: [], keyHeaders: [], jwt: { jwksUrl: url } })
    expect((await authenticate(bearer(token))).subject).toBe('issuer-client')
  })
})
