import { createHmac, createSecretKey, generateKeyPairSync, randomBytes, sign as signBytes } from 'node:crypto'
import { EncryptJWT, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAuthenticator, longestToken } from '../../../../src/server/auth/authenticate.ts'
import { requireScope } from '../../../../src/server/auth/principal.ts'
import { authErrorOf, bearer } from '../../../support/auth/auth-error.ts'
import { type Issuer, type IssuerKey, makeIssuerKey, startIssuer } from '../../../support/auth/issuer.ts'

const text = 'a shared secret of more than 32 bytes'
const secret = createSecretKey(text, 'utf8')
const now = Math.floor(Date.now() / 1000)
const claims = { scope: 'admin', sub: 'attacker', exp: now + 3600 }
const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** A hand-made token with a valid signature of the secret, whatever its content. */
function forge(header: unknown, payload: unknown = claims): string {
  const body = `${encode(header)}.${encode(payload)}`
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`
}

const bySecret = createAuthenticator({ keys: [], keyHeaders: [], jwt: { secret } })

const refusedBy = async (authenticate: ReturnType<typeof createAuthenticator>, token: string) => {
  const error = await authErrorOf(authenticate(bearer(token)))
  expect(error).toMatchObject({ code: 'invalid_token', status: 401 })
  return error
}

describe('a token with a valid signature of the secret is still refused', () => {
  it.each([
    ['when it says that it is not signed', { alg: 'none' }],
    ['when it spells the algorithm differently', { alg: 'hs256' }],
    ['when it demands an unencoded payload', { alg: 'HS256', crit: ['b64'], b64: false }],
    ['when it demands an unknown extension', { alg: 'HS256', crit: ['http://evil.example'], 'http://evil.example': 1 }],
    ['when it demands a claim that is not there', { alg: 'HS256', crit: ['exp'] }],
    ['when its list of demands is empty', { alg: 'HS256', crit: [] }],
    ['when its header is a list', [{ alg: 'HS256' }]],
    ['when its header is not JSON', 'HS256'],
    ['when its header is null', 'null'],
  ])('%s', async (_, header) => {
    await refusedBy(bySecret, forge(header))
  })

  it.each([
    ['that is a string', { ...claims, exp: `${now + 3600}` }],
    ['that is null', { ...claims, exp: null }],
    ['in a list', { ...claims, exp: [now + 3600] }],
    ['and a start that is not a number', { ...claims, nbf: 'now' }],
    ['in claims that are a list', [claims]],
    ['in claims that are not JSON', 'exp'],
  ])('with an end %s', async (_, payload) => {
    await refusedBy(bySecret, forge({ alg: 'HS256' }, payload))
  })

  it('when it is one or two characters longer than any token', async () => {
    const padded = (size: number) => forge({ alg: 'HS256' }, { ...claims, pad: 'x'.repeat(size) })
    let size = Math.floor(((longestToken - padded(0).length) * 3) / 4)
    while (padded(size + 1).length <= longestToken) size += 1
    expect((await bySecret(bearer(padded(size)))).subject).toBe('attacker')
    expect((await refusedBy(bySecret, padded(size + 1))).message).toContain(`longer than ${longestToken} characters`)
  })

  it.each([
    ['of four parts', (token: string) => `${token}.x`],
    ['of two parts', (token: string) => token.slice(0, token.lastIndexOf('.'))],
    ['padded with "="', (token: string) => `${token}=`],
    ['with a line break', (token: string) => `${token.slice(0, 20)} ${token.slice(20)}`],
    ['in quotes', (token: string) => `"${token}"`],
    ['percent-encoded', (token: string) => token.replaceAll('.', '%2E')],
    ['after an empty part', (token: string) => `.${token}`],
    ['twice', (token: string) => `${token},${token}`],
  ])('%s', async (_, bend) => {
    await refusedBy(bySecret, bend(forge({ alg: 'HS256' })))
  })

  it('when it is encrypted and not signed', async () => {
    const token = await new EncryptJWT(claims)
      .setProtectedHeader({ alg: 'dir', enc: 'A128CBC-HS256' })
      .encrypt(Buffer.from(text).subarray(0, 32))
    await refusedBy(bySecret, token)
  })
})

describe('claims', () => {
  const settings = { secret, issuer: 'https://issuer.example', audience: 'scorekeeper' }
  const strict = createAuthenticator({ keys: [], keyHeaders: [], jwt: settings })

  it.each([
    ['an audience that starts with ours', { aud: 'scorekeeper.evil.example' }],
    ['an audience in another case', { aud: 'Scorekeeper' }],
    ['an audience that is an object', { aud: { scorekeeper: true } }],
    ['an audience within a list within a list', { aud: [['scorekeeper']] }],
    ['an issuer with a trailing slash', { iss: 'https://issuer.example/' }],
    ['an issuer in a list', { iss: ['https://issuer.example'] }],
  ])('are compared as a whole: %s is refused', async (_, wrong) => {
    const right = { ...claims, iss: settings.issuer, aud: settings.audience }
    expect((await strict(bearer(forge({ alg: 'HS256' }, right)))).subject).toBe('attacker')
    await refusedBy(strict, forge({ alg: 'HS256' }, { ...right, ...wrong }))
  })

  it.each([
    ['tools,admin'],
    ['ADMIN'],
    ['admin:read'],
    ['administrator'],
    [['tools admin']],
    [{ 0: 'admin', length: 1 }],
    [true],
  ])('give no scope that is not a separate word: %j', async (scope) => {
    const principal = await bySecret(bearer(forge({ alg: 'HS256' }, { ...claims, scope })))
    expect(principal.scopes.has('admin')).toBe(false)
  })

  it('give only what they name: a token for reading may not call tools', async () => {
    const reader = await bySecret(bearer(forge({ alg: 'HS256' }, { ...claims, scope: 'read' })))
    const error = await authErrorOf(Promise.resolve().then(() => requireScope(reader, 'tools', 'grade')))
    expect(error).toMatchObject({ code: 'insufficient_scope', status: 403 })
  })

  it('do not change a prototype', async () => {
    const payload = `{"exp":${now + 60},"__proto__":{"scope":"admin"},"constructor":{"prototype":{"scope":"admin"}}}`
    const principal = await bySecret(bearer(forge({ alg: 'HS256' }, payload)))
    expect([...principal.scopes]).toEqual([])
    expect('scope' in {}).toBe(false)
  })
})

describe('a token for the keys of an address', () => {
  let rsa: IssuerKey
  let ec: IssuerKey
  let issuer: Issuer
  let authenticate: ReturnType<typeof createAuthenticator>
  beforeAll(async () => {
    rsa = await makeIssuerKey('RS256', 'rsa')
    ec = await makeIssuerKey('ES256', 'ec')
    issuer = await startIssuer(rsa, ec)
    authenticate = createAuthenticator({ keys: [], keyHeaders: [], jwt: { jwksUrl: issuer.url } })
  })
  afterAll(() => issuer.stop())

  it('is judged by the published key alone: jku, x5u, x5c and jwk in its header are neither used nor fetched', async () => {
    const attacker = await makeIssuerKey('RS256', 'rsa')
    const trap = await startIssuer(attacker)
    const injected = { jku: trap.url.href, x5u: trap.url.href, jwk: attacker.jwk, x5c: ['MIIB'], x5t: 'AAAA' }
    expect((await authenticate(bearer(await rsa.sign({}, injected)))).subject).toBe('issuer-client')
    await refusedBy(authenticate, await attacker.sign({ scope: 'admin' }, injected))
    expect(trap.asked()).toBe(0)
    await trap.stop()
  })

  it.each([
    ['a path', '../../../../dev/null'],
    ['SQL', "rsa' or '1'='1"],
    ['a property of all objects', '__proto__'],
    ['a number', 7],
    ['a list', ['rsa']],
    ['an object', { rsa: true }],
    ['nothing', null],
    ['a very long name', 'x'.repeat(4_000)],
  ])('with a kid that is %s is refused', async (_, kid) => {
    const body = `${encode({ alg: 'RS256', kid })}.${encode(claims)}`
    await refusedBy(authenticate, `${body}.${randomBytes(256).toString('base64url')}`)
  })

  it('with a signature of zeros is refused', async () => {
    const body = `${encode({ alg: 'ES256', kid: 'ec' })}.${encode(claims)}`
    for (const bytes of [0, 64, 96])
      await refusedBy(authenticate, `${body}.${Buffer.alloc(bytes).toString('base64url')}`)
  })

  it.each([
    ['ES256', 'rsa'],
    ['RS256', 'ec'],
    ['EdDSA', 'ec'],
    ['PS256', 'rsa'],
  ])('that claims %s for a key of another kind is refused', async (alg, kid) => {
    const body = `${encode({ alg, kid })}.${encode(claims)}`
    await refusedBy(authenticate, `${body}.${randomBytes(64).toString('base64url')}`)
  })

  it('of a small RSA key is refused even if the issuer publishes that key', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const body = `${encode({ alg: 'RS256', kid: 'small' })}.${encode(claims)}`
    const token = `${body}.${signBytes('sha256', Buffer.from(body), privateKey).toString('base64url')}`
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'small', alg: 'RS256' }
    const weak = await startIssuer({ jwk, sign: async () => token })
    const careful = createAuthenticator({ keys: [], keyHeaders: [], jwt: { jwksUrl: weak.url } })
    expect((await authErrorOf(careful(bearer(token)))).code).toBe('keys_unavailable')
    await weak.stop()
  })

  it('cannot be signed with a secret that the issuer publishes by mistake', async () => {
    const jwk = { kty: 'oct', k: Buffer.from(text).toString('base64url'), kid: 'oops', alg: 'HS256' }
    const careless = await startIssuer({ jwk, sign: async () => '' })
    const careful = createAuthenticator({ keys: [], keyHeaders: [], jwt: { jwksUrl: careless.url } })
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'oops' }).sign(Buffer.from(text))
    expect((await refusedBy(careful, token)).message).toContain('algorithm is not accepted')
    expect(careless.asked()).toBe(0)
    await careless.stop()
  })
})
