import { describe, expect, it } from 'vitest'
import { AuthError, challenge } from '../../../../src/kit/errors.ts'
import {
  type AuthSettings,
  createAuthenticator,
  isOpen,
  refuseKeyInUrl,
} from '../../../../src/server/auth/authenticate.ts'
import { requireScope } from '../../../../src/server/auth/principal.ts'
import { readAuthSettings } from '../../../../src/server/auth/settings.ts'
import { authErrorOf, bearer } from '../../../support/auth/auth-error.ts'

const KEY = 'correct-horse-battery-staple'
const settings: AuthSettings = readAuthSettings({ API_KEYS: `trainer:tools=${KEY} reader:read=${KEY}-2` })
const authenticate = createAuthenticator(settings)

describe('a server without keys', () => {
  it('is open: every caller may do everything, whatever they send', async () => {
    const open = readAuthSettings({})
    expect(isOpen(open)).toBe(true)
    expect(isOpen(settings)).toBe(false)
    const principal = await createAuthenticator(open)(bearer('whatever'))
    expect(principal.subject).toBe('anonymous')
    expect(() => requireScope(principal, 'admin')).not.toThrow()
  })
})

describe('a key in a header', () => {
  it.each([
    ['authorization', `Bearer ${KEY}`],
    ['Authorization', `bearer ${KEY}`],
    ['AUTHORIZATION', `BEARER   ${KEY}`],
    ['authorization', KEY],
    ['X-Functions-Key', KEY],
    ['api-key', KEY],
    ['x-api-key', KEY],
    ['x-api-key', `Bearer ${KEY}`],
  ])('is found in "%s: %s"', async (header, value) => {
    expect((await authenticate(new Headers({ [header]: value }))).subject).toBe('trainer')
  })

  it('is found in the headers that API_KEY_HEADERS names, and only there', async () => {
    const own = createAuthenticator(readAuthSettings({ API_KEYS: KEY, API_KEY_HEADERS: 'X-Trainer-Key, X-Other' }))
    expect((await own(new Headers({ 'x-trainer-key': KEY }))).subject).toBe('key-1')
    expect((await authErrorOf(own(new Headers({ 'x-api-key': KEY })))).code).toBe('missing_token')
  })

  it('is enough, even if another header contains an invalid one', async () => {
    const both = new Headers({ authorization: 'Basic dXNlcjpwYXNz', 'x-api-key': KEY })
    expect((await authenticate(both)).subject).toBe('trainer')
  })

  it.each([
    ['no header at all', {}, 'missing_token', /carries no token/],
    ['an empty header', { authorization: '' }, 'missing_token', /carries no token/],
    ['a scheme without a token', { authorization: 'Bearer' }, 'missing_token', /carries no token/],
    ['a wrong key', { 'x-api-key': 'wrong-wrong-wrong-wrong' }, 'invalid_token', /"x-api-key" holds none/],
    ['another scheme', { authorization: `Basic ${KEY}` }, 'invalid_token', /"authorization" is not of the form/],
    ['the key twice', { 'x-api-key': `${KEY}, ${KEY}` }, 'invalid_token', /"x-api-key" is not of the form/],
    ['a JWT', { authorization: 'Bearer e30.e30.e30' }, 'invalid_token', /holds a JWT, but/],
  ])('is missing or wrong: %s', async (_, headers, code, message) => {
    const error = await authErrorOf(authenticate(new Headers(headers)))
    expect(error).toMatchObject({ code, status: 401 })
    expect(error.message).toMatch(message)
    expect(error.hint).toContain('x-functions-key, api-key, x-api-key')
  })

  it('is refused without being parsed if it is longer than any token', async () => {
    const error = await authErrorOf(authenticate(bearer('a'.repeat(8193))))
    expect(error).toMatchObject({ code: 'invalid_token', status: 401 })
    expect(error.message).toContain('longer than 8192 characters')
  })

  it('is never part of an error', async () => {
    const secret = 'not-the-key-but-nearly-so'
    for (const value of [secret, `Basic ${secret}`, `${secret}.${secret}.${secret}`]) {
      const error = await authErrorOf(authenticate(new Headers({ 'x-api-key': value })))
      expect(JSON.stringify([error.message, error.hint, error.details, error.stack, error.cause])).not.toContain(secret)
    }
  })

  it('is not in the settings: printing them shows no key and no secret', () => {
    const all = readAuthSettings({ API_KEYS: KEY, JWT_SECRET: `${KEY}-and-then-some` })
    expect(JSON.stringify(all)).not.toContain('correct-horse')
    expect(JSON.stringify(all.jwt)).toBe('{"secret":{}}')
  })
})

describe('scopes', () => {
  it('admit a caller that has one of those required', async () => {
    const trainer = await authenticate(bearer(KEY))
    expect(() => requireScope(trainer, 'tools')).not.toThrow()
    expect(() => requireScope(trainer, 'grade', 'tools')).not.toThrow()
  })

  it('refuse every other caller with 403, naming what is required and what is present', async () => {
    const reader = await authenticate(bearer(`${KEY}-2`))
    const attempt = Promise.resolve().then(() => requireScope(reader, 'tools', 'grade'))
    const error = await authErrorOf(attempt)
    expect(error).toMatchObject({ code: 'insufficient_scope', status: 403 })
    expect(error.message).toContain('needs the scope "tools" or "grade"; the token in use has only "read"')
  })
})

describe('a key in the address', () => {
  it.each(['?key=x', '?api_key=x', 'API-Key=x', '?q=1&access_token=x', '?code=x', '?x-functions-key=', '?a%70ikey=x'])(
    'is refused: %s',
    async (search) => {
      const error = await authErrorOf(Promise.resolve().then(() => refuseKeyInUrl(search)))
      expect(error).toMatchObject({ code: 'invalid_token', status: 401 })
      expect(error.message).toContain('in the address')
    },
  )

  it.each(['', '?', '?q=token&page=2', '?keys=3', '?status=code', '?%'])(
    'is not found where there is none: "%s"',
    (search) => {
      expect(() => refuseKeyInUrl(search)).not.toThrow()
    },
  )

  it('is never accepted: only headers are read', async () => {
    const request = new Request(`http://localhost/tools/cat?subscription-key=${KEY}`)
    expect((await authErrorOf(authenticate(request.headers))).code).toBe('missing_token')
  })
})

describe('the WWW-Authenticate header', () => {
  it('names the kind of failure, as RFC 6750 requires', () => {
    const of = (code: AuthError['code']) => challenge(new AuthError(code, 'p', 'h'))
    expect(of('missing_token')).toBe('Bearer realm="scorekeeper"')
    expect(of('expired_token')).toBe('Bearer realm="scorekeeper", error="invalid_token"')
    expect(of('insufficient_scope')).toBe('Bearer realm="scorekeeper", error="insufficient_scope"')
    expect(of('keys_unavailable')).toBeUndefined()
  })
})
