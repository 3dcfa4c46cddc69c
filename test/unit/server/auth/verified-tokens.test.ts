import { createSecretKey } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../../../src/server/auth/authenticate.ts'
import { keysCooldownMs, keysFreshMs } from '../../../../src/server/auth/jwks.ts'
import { createVerifiedTokens, digestOf, mostVerifiedTokens } from '../../../../src/server/auth/verified-tokens.ts'
import { authErrorOf, bearer } from '../../../support/auth/auth-error.ts'
import { type Issuer, type IssuerKey, makeIssuerKey, startIssuer } from '../../../support/auth/issuer.ts'

const secret = createSecretKey('a shared secret of more than 32 bytes', 'utf8')
const start = 1_800_000_000
const sign = (claims: Record<string, unknown>) =>
  new SignJWT({ scope: 'tools', sub: 'me', exp: start + 60, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(secret)

describe('a verified token of the secret', () => {
  let seconds: number
  let authenticate: ReturnType<typeof createAuthenticator>
  beforeEach(() => {
    seconds = start
    const deps = { now: () => new Date(seconds * 1000) }
    authenticate = createAuthenticator({ keys: [], keyHeaders: ['x-api-key'], jwt: { secret } }, deps)
  })

  it('is not verified again and has the same owner', async () => {
    const token = await sign({})
    const first = await authenticate(bearer(token))
    expect(await authenticate(bearer(token))).toBe(first)
    expect(await authenticate(new Headers({ 'x-api-key': token }))).toBe(first)
    expect(await authenticate(bearer(await sign({ jti: 'other' })))).not.toBe(first)
  })

  it('is refused from the second at which it expires, like a new one', async () => {
    const token = await sign({})
    for (const age of [0, 59, 64]) {
      seconds = start + age
      expect((await authenticate(bearer(token))).subject).toBe('me')
    }
    for (const age of [65, 66, 1_000]) {
      seconds = start + age
      expect(await authErrorOf(authenticate(bearer(token)))).toMatchObject({ code: 'expired_token', status: 401 })
    }
  })

  it('is refused if the clock was set back to before its start', async () => {
    const token = await sign({ nbf: start })
    await authenticate(bearer(token))
    seconds = start - 6
    expect((await authErrorOf(authenticate(bearer(token)))).message).toContain('not valid yet')
    seconds = start - 5
    expect((await authenticate(bearer(token))).subject).toBe('me')
  })

  it('does not affect a token that differs from it in one character', async () => {
    const token = await sign({})
    await authenticate(bearer(token))
    for (const at of [5, token.indexOf('.') + 5, token.lastIndexOf('.') + 5]) {
      const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
      expect((await authErrorOf(authenticate(bearer(changed)))).status).toBe(401)
    }
  })
})

describe('a token that was refused', () => {
  it('is verified again each time, and accepted once it is valid', async () => {
    let seconds = start
    const deps = { now: () => new Date(seconds * 1000) }
    const authenticate = createAuthenticator({ keys: [], keyHeaders: [], jwt: { secret } }, deps)
    const token = await sign({ nbf: start + 30 })
    expect((await authErrorOf(authenticate(bearer(token)))).code).toBe('invalid_token')
    seconds = start + 30
    expect((await authenticate(bearer(token))).subject).toBe('me')
  })
})

describe('a verified token of a published key', () => {
  let old: IssuerKey
  let fresh: IssuerKey
  let issuer: Issuer
  let clock: number
  beforeEach(async () => {
    clock = Date.now()
    old = await makeIssuerKey('ES256', 'old')
    fresh = await makeIssuerKey('ES256', 'fresh')
    issuer = await startIssuer(old)
  })
  afterEach(() => issuer.stop())

  const begin = () =>
    createAuthenticator({ keys: [], keyHeaders: [], jwt: { jwksUrl: issuer.url } }, { now: () => new Date(clock) })
  const long = (key: IssuerKey) => key.sign({ exp: Math.floor(clock / 1000) + 24 * 60 * 60 })

  it('is not verified again while its key is fresh', async () => {
    const authenticate = begin()
    const token = await long(old)
    const first = await authenticate(bearer(token))
    clock += keysFreshMs - 1
    expect(await authenticate(bearer(token))).toBe(first)
    expect(issuer.asked()).toBe(1)
  })

  it('is refused once its key was withdrawn and the cached keys are stale', async () => {
    const authenticate = begin()
    const token = await long(old)
    await authenticate(bearer(token))
    issuer.publish(fresh)
    clock += keysFreshMs
    expect(await authErrorOf(authenticate(bearer(token)))).toMatchObject({ code: 'invalid_token', status: 401 })
  })

  it('is refused as soon as another token made the server fetch the keys and its key was withdrawn', async () => {
    const authenticate = begin()
    const token = await long(old)
    await authenticate(bearer(token))
    issuer.publish(fresh)
    clock += keysCooldownMs
    await authenticate(bearer(await long(fresh)))
    expect(await authErrorOf(authenticate(bearer(token)))).toMatchObject({ code: 'invalid_token', status: 401 })
  })

  it('is refused when another key has the id of its key', async () => {
    const authenticate = begin()
    const token = await long(old)
    await authenticate(bearer(token))
    issuer.publish(await makeIssuerKey('ES256', 'old'))
    clock += keysFreshMs
    expect((await authErrorOf(authenticate(bearer(token)))).message).toContain('signature is not valid')
  })

  it('is verified again after a fetch that still has its key, and stays valid', async () => {
    const authenticate = begin()
    const token = await long(old)
    const first = await authenticate(bearer(token))
    issuer.publish(old, fresh)
    clock += keysFreshMs
    const again = await authenticate(bearer(token))
    expect(again).not.toBe(first)
    expect(again).toEqual(first)
    expect(await authenticate(bearer(token))).toBe(again)
  })
})

describe('the cache of tokens', () => {
  it('is bounded under a flood of distinct valid tokens, and evicts the oldest first', () => {
    const tokens = createVerifiedTokens()
    const entry = { principal: { subject: 'me', scopes: new Set<never>() }, from: 0, until: 1, fetched: undefined }
    const flood = Array.from({ length: mostVerifiedTokens + 100 }, (_, index) => digestOf(`token ${index}`))
    for (const digest of flood) tokens.keep(digest, entry)
    expect(tokens.size()).toBe(mostVerifiedTokens)
    const there = flood.map((digest) => tokens.find(digest) !== undefined)
    expect(there.indexOf(true)).toBe(100)
    expect(there.lastIndexOf(false)).toBe(99)
  })

  it('identifies a token by its digest, which reveals nothing of it', () => {
    expect(digestOf('a.b.c')).toMatch(/^[A-Za-z0-9+/]{43}=$/)
  })
})
