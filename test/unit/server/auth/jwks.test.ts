import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../../../src/server/auth/authenticate.ts'
import { createRemoteKeys, keysCooldownMs, keysFreshMs, keysUsableMs } from '../../../../src/server/auth/jwks.ts'
import { readAuthSettings } from '../../../../src/server/auth/settings.ts'
import { authErrorOf, bearer } from '../../../support/auth/auth-error.ts'
import { type Issuer, type IssuerKey, makeIssuerKey, startIssuer } from '../../../support/auth/issuer.ts'

const DAY_SECONDS = 24 * 60 * 60

describe('the keys of a JWKS address', () => {
  let old: IssuerKey
  let fresh: IssuerKey
  let issuer: Issuer
  let clock: number
  let warnings: string[]

  beforeEach(async () => {
    clock = Date.now()
    warnings = []
    old = await makeIssuerKey('ES256', 'old')
    fresh = await makeIssuerKey('ES256', 'fresh')
    issuer = await startIssuer(old)
  })
  afterEach(() => issuer.stop())

  const start = (url = issuer.url, API_KEYS = '') =>
    createAuthenticator(readAuthSettings({ JWT_JWKS_URL: url.href, API_KEYS }), {
      now: () => new Date(clock),
      warn: (message) => warnings.push(message),
    })
  const long = (key: IssuerKey) => key.sign({ exp: Math.floor(clock / 1000) + 7 * DAY_SECONDS })

  it('are fetched once for a burst of callers, and kept', async () => {
    const authenticate = start()
    const token = await long(old)
    await Promise.all(Array.from({ length: 100 }, () => authenticate(bearer(token))))
    await authenticate(bearer(token))
    expect(issuer.asked()).toBe(1)
  })

  it('rotate: a token of a new key is accepted as soon as the key is published', async () => {
    const authenticate = start()
    await authenticate(bearer(await long(old)))
    issuer.publish(old, fresh)
    clock += keysCooldownMs
    const token = await long(fresh)
    await Promise.all(Array.from({ length: 20 }, () => authenticate(bearer(token))))
    expect((await authenticate(bearer(await long(old)))).subject).toBe('issuer-client')
    expect(issuer.asked()).toBe(2)
  })

  it('rotate: a key that was withdrawn stops working once the keys are no longer fresh', async () => {
    const authenticate = start()
    const token = await long(old)
    await authenticate(bearer(token))
    issuer.publish(fresh)
    expect((await authenticate(bearer(token))).subject).toBe('issuer-client')
    clock += keysFreshMs
    expect(await authErrorOf(authenticate(bearer(token)))).toMatchObject({ code: 'invalid_token', status: 401 })
  })

  it('rotate without kid: each key that fits is tried, and new ones are looked for', async () => {
    const [first, second, third] = await Promise.all([
      makeIssuerKey('ES256'),
      makeIssuerKey('ES256'),
      makeIssuerKey('ES256'),
    ])
    issuer.publish(first, second)
    const authenticate = start()
    await authenticate(bearer(await long(second)))
    await authenticate(bearer(await long(first)))
    issuer.publish(second, third)
    clock += keysCooldownMs
    await authenticate(bearer(await long(third)))
    expect(await authErrorOf(authenticate(bearer(await long(first))))).toMatchObject({ code: 'invalid_token' })
    expect(issuer.asked()).toBe(2)
  })

  it('rotate: a lookup among the old keys during which new ones arrived is repeated without another fetch', async () => {
    const keys = createRemoteKeys(issuer.url, { now: () => new Date(clock) })
    await keys.ready()
    const seen = keys.fetches()
    clock += keysCooldownMs
    expect(await keys.renew(seen)).toBe(true)
    expect(await keys.renew(seen)).toBe(true)
    expect(await keys.renew(keys.fetches())).toBe(false)
    expect(issuer.asked()).toBe(2)
  })

  it('are not fetched again for every token with an unknown kid, which gets a 401', async () => {
    const authenticate = start()
    await authenticate(bearer(await long(old)))
    clock += keysCooldownMs
    for (let count = 0; count < 20; count += 1) {
      const unknown = await fresh.sign({}, { kid: `unknown-${count}` })
      const error = await authErrorOf(authenticate(bearer(unknown)))
      expect(error).toMatchObject({ code: 'invalid_token', status: 401 })
      expect(error.message).toContain('The issuer does not publish the key')
    }
    expect(issuer.asked()).toBe(2)
  })

  it('are used from the cache while the address does not answer, for a day', async () => {
    const authenticate = start()
    const token = await long(old)
    await authenticate(bearer(token))
    await issuer.stop()
    for (const age of [keysFreshMs, 2 * keysFreshMs, keysUsableMs / 2]) {
      clock += age
      expect((await authenticate(bearer(token))).subject).toBe('issuer-client')
    }
    expect(warnings[0]).toMatch(/JWT_JWKS_URL: http:\/\/127\.0\.0\.1:\d+\/jwks\.json gave no keys \(.+\)/)
    clock += keysUsableMs
    expect(await authErrorOf(authenticate(bearer(token)))).toMatchObject({ code: 'keys_unavailable', status: 503 })
    await issuer.restart()
  })

  it('that were never fetched cause a 503 with Retry-After, not a 401, until the address recovers', async () => {
    await issuer.stop()
    const authenticate = start()
    const token = await long(old)
    for (let count = 0; count < 5; count += 1) {
      const error = await authErrorOf(authenticate(bearer(token)))
      expect(error).toMatchObject({ code: 'keys_unavailable', status: 503, retryAfterSeconds: 5 })
    }
    expect(warnings).toHaveLength(1)
    await issuer.restart()
    clock += keysCooldownMs
    expect((await authenticate(bearer(token))).subject).toBe('issuer-client')
  })

  it('may lack a kid while the address does not answer: 503, because the key may be new', async () => {
    const authenticate = start()
    await authenticate(bearer(await long(old)))
    await issuer.stop()
    clock += keysCooldownMs
    for (let count = 0; count < 2; count += 1) {
      const error = await authErrorOf(authenticate(bearer(await long(fresh))))
      expect(error).toMatchObject({ code: 'keys_unavailable', status: 503 })
    }
    expect((await authenticate(bearer(await long(old)))).subject).toBe('issuer-client')
    await issuer.restart()
  })

  it('do not turn a forged or expired token into a 503 while the address does not answer', async () => {
    const authenticate = start()
    const token = await long(old)
    await authenticate(bearer(token))
    await issuer.stop()
    clock += keysCooldownMs
    const forged = `${token.slice(0, token.lastIndexOf('.'))}.${'A'.repeat(86)}`
    expect(await authErrorOf(authenticate(bearer(forged)))).toMatchObject({ code: 'invalid_token', status: 401 })
    const expired = await old.sign({ exp: Math.floor(clock / 1000) - 60 })
    expect(await authErrorOf(authenticate(bearer(expired)))).toMatchObject({ code: 'expired_token', status: 401 })
    await issuer.restart()
  })

  it.each([
    [500, 'oops'],
    [200, 'not json'],
    [200, '{"keys":7}'],
    [302, ''],
  ])('are not replaced by an invalid answer: %i %s', async (status, body) => {
    const authenticate = start()
    const token = await long(old)
    await authenticate(bearer(token))
    issuer.answer(status, body)
    clock += keysFreshMs
    expect((await authenticate(bearer(token))).subject).toBe('issuer-client')
    expect(warnings).toHaveLength(1)
    expect(await authErrorOf(start()(bearer(token)))).toMatchObject({ code: 'keys_unavailable', status: 503 })
  })

  it('that are unusable are the issuer’s fault: 503', async () => {
    issuer.answer(200, JSON.stringify({ keys: [{ ...old.jwk, x: 'AAAA' }] }))
    expect(await authErrorOf(start()(bearer(await long(old))))).toMatchObject({ code: 'keys_unavailable', status: 503 })
  })

  it('are not needed by callers with an API key', async () => {
    await issuer.stop()
    const authenticate = start(issuer.url, 'correct-horse-battery-staple')
    expect((await authenticate(bearer('correct-horse-battery-staple'))).subject).toBe('key-1')
    const both = new Headers({ authorization: 'Bearer wrong-wrong-wrong', 'x-api-key': await long(old) })
    expect(await authErrorOf(authenticate(both))).toMatchObject({ code: 'keys_unavailable', status: 503 })
    await issuer.restart()
  })
})
