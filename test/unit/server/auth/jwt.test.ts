import { createHmac, createSecretKey } from 'node:crypto'
import fc from 'fast-check'
import { exportSPKI, importJWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../../../src/server/auth/authenticate.ts'
import { signToken } from '../../../../src/server/auth/jwt.ts'
import { authErrorOf, bearer } from '../../../support/auth/auth-error.ts'
import { type Issuer, type IssuerKey, makeIssuerKey, startIssuer } from '../../../support/auth/issuer.ts'

const secret = createSecretKey('a shared secret of more than 32 bytes', 'utf8')
const now = Math.floor(Date.now() / 1000)
const sign = (claims: Record<string, unknown>, header: Record<string, unknown> = {}) =>
  new SignJWT({ scope: 'tools', sub: 'me', exp: now + 3600, ...claims })
    .setProtectedHeader({ alg: 'HS256', ...header })
    .sign(secret)
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Base64url may write the last bits of a part in more than one way: the same bytes are the same token. */
const sameToken = (one: string, other: string) => {
  const [head, body, signature = ''] = one.split('.')
  const [otherHead, otherBody, otherSignature = ''] = other.split('.')
  const sameBytes = Buffer.from(signature, 'base64url').equals(Buffer.from(otherSignature, 'base64url'))
  return head === otherHead && body === otherBody && sameBytes && one.split('.').length === 3
}

describe('a token signed with the secret', () => {
  const settings = { secret, issuer: 'https://issuer.example', audience: 'scorekeeper' }
  const strict = createAuthenticator({ keys: [], keyHeaders: ['x-api-key'], jwt: settings })
  const plain = createAuthenticator({ keys: [], keyHeaders: ['x-api-key'], jwt: { secret } })
  const right = { iss: settings.issuer, aud: settings.audience }

  it('is accepted, in Authorization and in a key header, with the subject and scopes it names', async () => {
    const expiresAt = new Date((now + 60) * 1000)
    const token = await signToken(settings, {
      subject: 'me',
      scopes: ['tools', 'read'],
      issuedAt: new Date(),
      expiresAt,
    })
    for (const headers of [bearer(token), new Headers({ 'x-api-key': token })]) {
      const principal = await strict(headers)
      expect(principal.subject).toBe('me')
      expect([...principal.scopes]).toEqual(['tools', 'read'])
    }
  })

  it.each([
    [{}, undefined],
    [{ runs: ['final', 'exp-*'] }, ['final', 'exp-*']],
    [{ runs: 'final exp-*,final' }, ['final', 'exp-*']],
    [{ runs: [] }, []],
    [{ runs: '' }, []],
  ])('is bound to the runs of its claim: %j', async (claims, runs) => {
    expect((await plain(bearer(await sign(claims)))).runs).toEqual(runs)
  })

  it.each([null, 7, true, {}, ['a', 7], ['a/b'], ['*-final'], ['..'], ''.padEnd(101, 'a')])(
    'is refused if its claim "runs" is not a list of runs: %j',
    async (runs) => {
      const error = await authErrorOf(plain(bearer(await sign({ runs }))))
      expect(error.code).toBe('invalid_token')
      expect(error.message).toMatch(/"runs" is not a list of runs/)
    },
  )

  it.each([
    [{ scope: 'tools grade' }, ['tools', 'grade']],
    [{ scope: ['read', 'tools'] }, ['read', 'tools']],
    [{ scope: undefined, scp: 'grade' }, ['grade']],
    [{ scope: undefined, scp: ['grade', 7, null] }, ['grade']],
    [{ scope: 'tools', scp: ['grade'] }, ['tools', 'grade']],
    [{ scope: 'admin' }, ['tools', 'grade', 'read', 'metrics', 'admin']],
    [{ scope: 'openid ADMIN toolsgrade' }, []],
    [{ scope: { admin: true } }, []],
    [{ scope: undefined }, []],
  ])('has the scopes of its claims: %j', async (claims, scopes) => {
    expect([...(await plain(bearer(await sign(claims)))).scopes]).toEqual(scopes)
  })

  it.each([
    ['a wrong issuer', { ...right, iss: 'https://evil.example' }, 'invalid_token', /"iss".*JWT_ISSUER/],
    ['no issuer', { aud: right.aud }, 'invalid_token', /lacks the claim "iss"/],
    ['a wrong audience', { ...right, aud: ['other'] }, 'invalid_token', /"aud".*JWT_AUDIENCE/],
    ['no audience', { iss: right.iss }, 'invalid_token', /lacks the claim "aud"/],
    ['an end in the past', { ...right, exp: now - 60 }, 'expired_token', /expired at \d{4}-/],
    ['no end', { ...right, exp: undefined }, 'invalid_token', /lacks the claim "exp"/],
    ['a start in the future', { ...right, nbf: now + 60 }, 'invalid_token', /not valid yet/],
    ['an end outside the range of dates', { ...right, exp: -1e300 }, 'expired_token', /expired/],
  ])('is refused with %s', async (_, claims, code, message) => {
    const error = await authErrorOf(strict(bearer(await sign(claims))))
    expect(error).toMatchObject({ code, status: 401 })
    expect(error.message).toMatch(message)
  })

  it('expires by the given clock', async () => {
    const token = await sign({ exp: now + 60 })
    const at = (seconds: number) =>
      createAuthenticator(
        { keys: [], keyHeaders: [], jwt: { secret } },
        { now: () => new Date((now + seconds) * 1000) },
      )
    expect((await at(0)(bearer(token))).subject).toBe('me')
    expect((await at(63)(bearer(token))).subject).toBe('me')
    expect((await authErrorOf(at(66)(bearer(token)))).code).toBe('expired_token')
  })

  it('is refused when another secret signed it', async () => {
    const other = createSecretKey('another shared secret of over 32 bytes', 'utf8')
    const token = await new SignJWT({ exp: now + 60 }).setProtectedHeader({ alg: 'HS256' }).sign(other)
    const error = await authErrorOf(plain(bearer(token)))
    expect(error).toMatchObject({ code: 'invalid_token', status: 401 })
    expect(error.message).toContain('signature is not valid')
  })

  it.each(['none', 'None', 'NONE', '', 'HS512', 'RS256', 'ES256', 'toString', 7, null])(
    'is refused when its alg is %j, signed or not',
    async (alg) => {
      const body = `${encode({ alg })}.${encode({ scope: 'admin', exp: now + 60 })}`
      const mac = createHmac('sha256', secret).update(body).digest('base64url')
      for (const token of [`${body}.`, `${body}.${mac}`]) {
        expect(await authErrorOf(plain(bearer(token)))).toMatchObject({ code: 'invalid_token', status: 401 })
      }
    },
  )

  it('is refused when it demands an unknown extension', async () => {
    const body = `${encode({ alg: 'HS256', crit: ['x'], x: 1 })}.${encode({ scope: 'admin', exp: now + 60 })}`
    const token = `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`
    expect(await authErrorOf(plain(bearer(token)))).toMatchObject({ code: 'invalid_token', status: 401 })
  })

  it('is refused after any change, and no change makes the server fail', async () => {
    const token = await sign({})
    const change = fc.tuple(fc.nat(token.length - 1), fc.stringMatching(/^[A-Za-z0-9._-]{0,5}$/))
    await fc.assert(
      fc.asyncProperty(change, async ([at, piece]) => {
        const changed = token.slice(0, at) + piece + token.slice(at + piece.length)
        fc.pre(!sameToken(changed, token))
        const outcome = await plain(bearer(changed)).then(
          () => 'accepted',
          (error: unknown) => error,
        )
        expect(outcome).toMatchObject({ status: 401 })
      }),
    )
  })

  it('never appears in an error', async () => {
    for (const token of [await sign({ exp: now - 60 }), await sign({ nbf: now + 60 }), `${await sign({})}x`]) {
      const error = await authErrorOf(plain(bearer(token)))
      const shown = JSON.stringify([error.message, error.details, error.stack, String(error.cause)])
      for (const part of token.split('.')) expect(shown).not.toContain(part)
    }
  })
})

describe('a token signed with a key of the JWKS address', () => {
  let issuer: Issuer
  let rsa: IssuerKey
  beforeAll(async () => {
    rsa = await makeIssuerKey('RS256', 'rsa')
    issuer = await startIssuer(rsa)
  })
  afterAll(() => issuer.stop())

  it.each(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])('is accepted with %s', async (alg) => {
    const key = await makeIssuerKey(alg, alg)
    const own = await startIssuer(key)
    const authenticate = createAuthenticator({ keys: [], keyHeaders: [], jwt: { jwksUrl: own.url } })
    const principal = await authenticate(bearer(await key.sign()))
    expect([principal.subject, ...principal.scopes]).toEqual(['issuer-client', 'tools', 'grade'])
    await own.stop()
  })

  it('cannot be forged by using the public key as a secret', async () => {
    const publicKey = await importJWK(rsa.jwk, 'RS256', { extractable: true })
    if (publicKey instanceof Uint8Array) throw new Error('not a public key')
    const pem = await exportSPKI(publicKey)
    for (const jwt of [{ jwksUrl: issuer.url }, { jwksUrl: issuer.url, secret }]) {
      const authenticate = createAuthenticator({ keys: [], keyHeaders: [], jwt })
      for (const secretBytes of [pem, pem.trim(), JSON.stringify(rsa.jwk), rsa.jwk.n ?? '']) {
        const forged = await new SignJWT({ scope: 'admin', exp: now + 60 })
          .setProtectedHeader({ alg: 'HS256', kid: 'rsa' })
          .sign(Buffer.from(secretBytes))
        expect(await authErrorOf(authenticate(bearer(forged)))).toMatchObject({ code: 'invalid_token', status: 401 })
      }
    }
  })

  it('cannot bring its own key', async () => {
    const attacker = await makeIssuerKey('RS256', 'rsa')
    const authenticate = createAuthenticator({ keys: [], keyHeaders: [], jwt: { jwksUrl: issuer.url } })
    const evil = await startIssuer(attacker)
    for (const header of [{ jwk: attacker.jwk }, { jku: evil.url.href }, { x5u: evil.url.href }]) {
      const error = await authErrorOf(authenticate(bearer(await attacker.sign({ scope: 'admin' }, header))))
      expect(error).toMatchObject({ code: 'invalid_token', status: 401 })
    }
    expect(evil.asked()).toBe(0)
    await evil.stop()
  })

  it('is accepted in addition to tokens of the secret if both are set', async () => {
    const authenticate = createAuthenticator({ keys: [], keyHeaders: [], jwt: { jwksUrl: issuer.url, secret } })
    expect((await authenticate(bearer(await rsa.sign()))).subject).toBe('issuer-client')
    expect((await authenticate(bearer(await sign({})))).subject).toBe('me')
  })

  it('is refused when JWT_ALGORITHMS leaves its algorithm out', async () => {
    const jwt = { jwksUrl: issuer.url, algorithms: ['ES256'] }
    const error = await authErrorOf(createAuthenticator({ keys: [], keyHeaders: [], jwt })(bearer(await rsa.sign())))
    expect(error.message).toContain('accepted: ES256')
  })

  it.each([
    ['issuer', { issuer: 'https://issuer.example' }],
    ['audience', { audience: 'scorekeeper' }],
  ])('is refused when it was made for another %s', async (_, expected) => {
    const authenticate = createAuthenticator({ keys: [], keyHeaders: [], jwt: { jwksUrl: issuer.url, ...expected } })
    const token = await rsa.sign({ iss: 'https://evil.example', aud: 'other' })
    expect(await authErrorOf(authenticate(bearer(token)))).toMatchObject({ code: 'invalid_token', status: 401 })
  })
})
