import { createSecretKey } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../../../src/server/auth/authenticate.ts'
import { keysCooldownMs, keysFreshMs } from '../../../../src/server/auth/jwks.ts'
import { createVerifiedTokens, digestOf, mostVerifiedTokens } from '../../../../src/server/auth/verified-tokens.ts'
import { type Issuer, type IssuerKey, makeIssuerKey, startIssuer } from '../../../support/auth/issuer.ts'
import { bearer, turnedAway } from '../../../support/auth/turned-away.ts'

const secret = createSecretKey('a shared secret of more than 32 bytes', 'utf8')
const start = 1_800_000_000
const sign = (claims: Record<string, unknown>) =>
  new SignJWT({ scope: 'tools', sub: 'me', exp: start + 60, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(secret)

describe('a token of the secret that was found good', () => {
  let seconds: number
  let authenticate: ReturnType<typeof createAuthenticator>
  beforeEach(() => {
    seconds = start
    const deps = { now: () => new Date(seconds * 1000) }
    authenticate = createAuthenticator({ keys: [], keyHeaders: ['x-api-key'], jwt: { secret } }, deps)
  })

  it('is not verified again: the same caller comes out', async () => {
    const token = await sign({})
    const first = await authenticate(bearer(token))
    expect(await authenticate(bearer(token))).toBe(first)
    expect(await authenticate(new Headers({ 'x-api-key': token }))).toBe(first)
    expect(await authenticate(bearer(await sign({ jti: 'other' })))).not.toBe(first)
  })

  it('is refused to the second when its time is over, as if it had never been seen', async () => {
    const token = await sign({})
    for (const age of [0, 59, 64]) {
      seconds = start + age
      expect((await authenticate(bearer(token))).subject).toBe('me')
    }
    for (const age of [65, 66, 1_000]) {
      seconds = start + age
      expect(await turnedAway(authenticate(bearer(token)))).toMatchObject({ code: 'expired_token', status: 401 })
    }
  })

  it('is refused where the clock was put back to before its time', async () => {
    const token = await sign({ nbf: start })
    await authenticate(bearer(token))
    seconds = start - 6
    expect((await turnedAway(authenticate(bearer(token)))).message).toContain('not valid yet')
    seconds = start - 5
    expect((await authenticate(bearer(token))).subject).toBe('me')
  })

  it('lends nothing to a token that differs from it in one character', async () => {
    const token = await sign({})
    await authenticate(bearer(token))
    for (const at of [5, token.indexOf('.') + 5, token.lastIndexOf('.') + 5]) {
      const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
      expect((await turnedAway(authenticate(bearer(changed)))).status).toBe(401)
    }
  })
})

describe('a token that was refused', () => {
  it('is judged anew each time: it is let in once its time has come', async () => {
    let seconds = start
    const deps = { now: () => new Date(seconds * 1000) }
    const authenticate = createAuthenticator({ keys: [], keyHeaders: [], jwt: { secret } }, deps)
    const token = await sign({ nbf: start + 30 })
    expect((await turnedAway(authenticate(bearer(token)))).code).toBe('invalid_token')
    seconds = start + 30
    expect((await authenticate(bearer(token))).subject).toBe('me')
  })
})

describe('a token of a published key that was found good', () => {
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

  it('is refused once its key was withdrawn and the keys have come of age', async () => {
    const authenticate = begin()
    const token = await long(old)
    await authenticate(bearer(token))
    issuer.publish(fresh)
    clock += keysFreshMs
    expect(await turnedAway(authenticate(bearer(token)))).toMatchObject({ code: 'invalid_token', status: 401 })
  })

  it('is refused as soon as somebody else’s token has made the server look and find its key withdrawn', async () => {
    const authenticate = begin()
    const token = await long(old)
    await authenticate(bearer(token))
    issuer.publish(fresh)
    clock += keysCooldownMs
    await authenticate(bearer(await long(fresh)))
    expect(await turnedAway(authenticate(bearer(token)))).toMatchObject({ code: 'invalid_token', status: 401 })
  })

  it('is refused when another key has taken the name of its key', async () => {
    const authenticate = begin()
    const token = await long(old)
    await authenticate(bearer(token))
    issuer.publish(await makeIssuerKey('ES256', 'old'))
    clock += keysFreshMs
    expect((await turnedAway(authenticate(bearer(token)))).message).toContain('signature does not fit')
  })

  it('is verified again after a fetch that still has its key, and goes on', async () => {
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

describe('the memory for tokens', () => {
  it('is bounded under a flood of distinct good tokens, and forgets the oldest first', () => {
    const tokens = createVerifiedTokens()
    const entry = { principal: { subject: 'me', scopes: new Set<never>() }, from: 0, until: 1, fetched: undefined }
    const flood = Array.from({ length: mostVerifiedTokens + 100 }, (_, index) => digestOf(`token ${index}`))
    for (const digest of flood) tokens.keep(digest, entry)
    expect(tokens.size()).toBe(mostVerifiedTokens)
    const there = flood.map((digest) => tokens.find(digest) !== undefined)
    expect(there.indexOf(true)).toBe(100)
    expect(there.lastIndexOf(false)).toBe(99)
  })

  it('holds a token by its digest, which says nothing of it', () => {
    expect(digestOf('a.b.c')).toMatch(/^[A-Za-z0-9+/]{43}=$/)
  })
})
