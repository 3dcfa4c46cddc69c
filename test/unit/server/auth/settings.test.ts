import { describe, expect, it } from 'vitest'
import { readAuthSettings } from '../../../../src/server/auth/settings.ts'

const SECRET = 'a shared secret of more than 32 bytes'
const JWKS = 'https://issuer.example/jwks.json'

describe('the settings of authentication', () => {
  it('are open if nothing is set; an empty variable counts as not set', () => {
    const open = { keys: [], keyHeaders: ['x-functions-key', 'api-key', 'x-api-key'] }
    expect(readAuthSettings({})).toEqual(open)
    expect(readAuthSettings({ API_KEYS: '', JWT_SECRET: '', JWT_JWKS_URL: '', JWT_ISSUER: '' })).toEqual(open)
  })

  it('read all variables', () => {
    const settings = readAuthSettings({
      API_KEYS: 'admin=correct-horse-battery-staple',
      API_KEY_HEADERS: 'X-One, x-two',
      JWT_SECRET: SECRET,
      JWT_JWKS_URL: JWKS,
      JWT_ISSUER: 'https://issuer.example',
      JWT_AUDIENCE: 'scorekeeper',
      JWT_ALGORITHMS: 'HS256, ES256',
    })
    expect(settings.keys).toHaveLength(1)
    expect(settings.keyHeaders).toEqual(['x-one', 'x-two'])
    expect(settings.jwt?.jwksUrl?.href).toBe(JWKS)
    expect(settings.jwt).toMatchObject({ issuer: 'https://issuer.example', audience: 'scorekeeper' })
    expect(settings.jwt?.algorithms).toEqual(['HS256', 'ES256'])
  })

  it.each([
    [{ API_KEYS: 'tiny' }, /^API_KEYS: entry 1.*at least 16/],
    [{ API_KEYS: ' ' }, /^API_KEYS: it is set but contains no key/],
    [{ API_KEY_HEADERS: 'x api: key' }, /^API_KEY_HEADERS: must be names of headers.*"x api: key"/],
    [{ API_KEY_HEADERS: ', ' }, /^API_KEY_HEADERS: /],
    [{ JWT_SECRET: 'too short' }, /^JWT_SECRET: must have at least 32 bytes, but has 9/],
    [{ JWT_JWKS_URL: 'not an address' }, /^JWT_JWKS_URL: must be an https address.*"not an address"/],
    [{ JWT_JWKS_URL: 'ftp://issuer.example' }, /^JWT_JWKS_URL: /],
    [{ JWT_JWKS_URL: 'http://issuer.example/jwks.json' }, /^JWT_JWKS_URL: must be an https address/],
    [{ JWT_SECRET: SECRET, JWT_ALGORITHMS: 'none' }, /^JWT_ALGORITHMS: must be some of HS256, .*"none"/],
    [{ JWT_SECRET: SECRET, JWT_ALGORITHMS: 'RS256' }, /^JWT_ALGORITHMS: must hold HS256 for JWT_SECRET/],
    [{ JWT_JWKS_URL: JWKS, JWT_ALGORITHMS: 'HS256' }, /^JWT_ALGORITHMS: must hold one of RS256, .*JWT_JWKS_URL/],
    [{ JWT_AUDIENCE: 'scorekeeper' }, /^JWT_AUDIENCE: has no effect without JWT_SECRET or JWT_JWKS_URL/],
  ])('refuse %j with a message that names the variable', (env, message) => {
    expect(() => readAuthSettings(env)).toThrow(message)
  })

  it('name all invalid variables at once, one per line', () => {
    expect(() => readAuthSettings({ API_KEYS: 'tiny', JWT_SECRET: 'short' })).toThrow(/^API_KEYS: .*\nJWT_SECRET: .*$/)
  })

  it('show no secret in a message', () => {
    const read = (env: NodeJS.ProcessEnv) => {
      try {
        return readAuthSettings(env)
      } catch (error) {
        return String(error)
      }
    }
    for (const name of ['API_KEYS', 'JWT_SECRET']) {
      const message = read({ [name]: 'hush-hush' })
      expect(message).toContain(name)
      expect(message).not.toContain('hush')
    }
    const message = read({ JWT_JWKS_URL: 'https://user:hush-hush@issuer.example' })
    expect(message).toContain('without a user or password')
    expect(message).not.toContain('hush')
  })

  it.each(['http://127.0.0.1:9000/jwks', 'http://localhost/jwks', 'http://[::1]/jwks', 'http://keycloak:8080/jwks'])(
    'accept plain http for keys on a local network: %s',
    (url) => {
      expect(readAuthSettings({ JWT_JWKS_URL: url }).jwt?.jwksUrl?.href).toBe(url)
    },
  )
})
