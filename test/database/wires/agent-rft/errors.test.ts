import { createSecretKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createAuthenticator } from '../../../../src/server/auth/authenticate.ts'
import { signToken } from '../../../../src/server/auth/jwt.ts'
import { defaultKeyHeaders, readAuthSettings } from '../../../../src/server/auth/settings.ts'
import { defineGrader, defineTool, gradingOf, keepingLog, post, testApp, toolCall } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()

const look = defineTool({ name: 'look', description: 'L.', input: z.object({}), effects: 'none', run: () => 'seen' })
const one = defineGrader({ name: 'one', version: '1', grade: () => 1 })

const wrong = z.looseObject({ error: z.object({ code: z.string(), message: z.string() }) })

const toolsKey = 'a-key-for-tools-only'
const readKey = 'a-key-for-readers-only'
const secret = 'a shared secret of at least thirty-two bytes'

/** A replica with two keys and a JWT secret. */
function guarded(now?: () => number) {
  const log = keepingLog()
  const settings = readAuthSettings({ API_KEYS: `train:tools=${toolsKey}, read=${readKey}`, JWT_SECRET: secret })
  const authenticate = createAuthenticator(settings)
  return { log, app: testApp(database, { tools: [look], graders: [one], log, authenticate, ...(now && { now }) }) }
}

const call = toolCall('look', 'errors', 'a')
const grading = gradingOf('errors', 'x')

describe('an unknown address', () => {
  it.each([
    ['GET', '/'],
    ['POST', '/'],
    ['POST', '/tool/look'],
    ['POST', '/tools/look/now'],
    ['POST', '/graders'],
    ['GET', '/%00%ff'],
    ['DELETE', `/${'x'.repeat(5_000)}`],
  ])('%s %s is a 404 that says where the addresses are', async (method, path) => {
    const response = await testApp(database).request(path, { method })
    const body = wrong.parse(await response.json())
    expect([response.status, Object.keys(body), body.error.code]).toEqual([404, ['error'], 'not_found'])
    expect(body.error.message).toContain('GET /openapi.json')
    expect(body.error.message.length).toBeLessThan(400)
  })

  it.each([
    ['GET', '/tools/look', 'POST, OPTIONS'],
    ['HEAD', '/tools/look', 'POST, OPTIONS'],
    ['PUT', '/tools', 'GET, HEAD, POST, OPTIONS'],
    ['GET', '/grade', 'POST, OPTIONS'],
    ['DELETE', '/graders/one', 'POST, OPTIONS'],
    ['POST', '/healthz', 'GET, HEAD, OPTIONS'],
    ['PUT', '/readyz', 'GET, HEAD, OPTIONS'],
    ['POST', '/openapi.json', 'GET, HEAD, OPTIONS'],
    ['GET', '/v1/fine_tuning/alpha/graders/run', 'POST, OPTIONS'],
  ])('for the method %s (%s) is a 405 that says which one is', async (method, path, allowed) => {
    const response = await testApp(database, { tools: [look], graders: [one] }).request(path, { method })
    expect([response.status, response.headers.get('allow')]).toEqual([405, allowed])
    if (method !== 'HEAD') expect(await response.json()).toMatchObject({ error: { code: 'method_not_allowed' } })
  })
})

describe('OPTIONS', () => {
  it.each([
    ['/', 'GET, HEAD, POST, OPTIONS'],
    ['/healthz', 'GET, HEAD, OPTIONS'],
    ['/readyz', 'GET, HEAD, OPTIONS'],
    ['/openapi.json', 'GET, HEAD, OPTIONS'],
    ['/tools', 'GET, HEAD, POST, OPTIONS'],
    ['/tools/look', 'POST, OPTIONS'],
    ['/grade', 'POST, OPTIONS'],
    ['/graders/one', 'POST, OPTIONS'],
    ['/v1/fine_tuning/alpha/graders/run', 'POST, OPTIONS'],
    ['/openai/fine_tuning/alpha/tool/run', 'POST, OPTIONS'],
  ])('on %s is answered with the methods that are allowed, without a key', async (path, allowed) => {
    const response = await guarded().app.request(path, { method: 'OPTIONS' })
    expect([response.status, response.headers.get('allow'), await response.text()]).toEqual([204, allowed, ''])
  })

  it('on an address that does not exist is a 404', async () => {
    expect((await guarded().app.request('/elsewhere', { method: 'OPTIONS' })).status).toBe(404)
  })
})

describe('a caller', () => {
  it('may send a key in the headers that trainers can set', async () => {
    const { app } = guarded()
    const headers = [{ authorization: `Bearer ${toolsKey}` }, { Authorization: toolsKey }]
    const others = defaultKeyHeaders.map((name) => ({ [name]: toolsKey }))
    for (const given of [...headers, ...others, { 'X-Functions-Key': toolsKey }]) {
      expect((await post(app, '/tools/look', call, given)).status).toBe(200)
    }
  })

  it('without a token is a 401 with a challenge, and nothing runs', async () => {
    const { app, log } = guarded()
    for (const [path, body] of [
      ['/tools/look', call],
      ['/tools', call],
      ['/grade', grading],
      ['/tools/look', '{'],
    ] as const) {
      const answer = await post(app, path, body)
      expect([answer.status, answer.body.error?.code, Object.keys(answer.body)]).toEqual([
        401,
        'missing_token',
        ['error'],
      ])
      expect(answer.headers.get('www-authenticate')).toContain('Bearer')
      expect(answer.body.error?.message).toContain('Authorization: Bearer')
    }
    for (const path of ['/tools', '/openapi.json']) expect((await app.request(path)).status).toBe(401)
    for (const path of ['/healthz', '/readyz']) expect((await app.request(path)).status).toBe(200)
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
  })

  it('with an invalid token is a 401 that is logged as an error, without the token, once a minute with a count', async () => {
    let now = 0
    const { app, log } = guarded(() => now)
    const wrong = 'a-key-with-a-typo-in-it'
    const times = [0, 1_000, 59_000, 61_000]
    for (const at of times) {
      now = at
      const { status, body } = await post(app, '/tools/look', call, { 'api-key': wrong })
      expect([status, body.error?.code]).toEqual([401, 'invalid_token'])
      expect(body.error?.message).toContain('api-key')
    }
    expect(log.lines).toMatchObject([
      { level: 'error', facts: { code: 'invalid_token', status: 401, path: '/tools/look', header: 'api-key' } },
      { level: 'error', facts: { code: 'invalid_token', repeated: 2 } },
    ])
    expect(JSON.stringify(log.lines)).not.toContain(wrong)
  })

  it('without the scope is a 403 that names the required one', async () => {
    const { app, log } = guarded()
    const toGrade = await post(app, '/grade', grading, { authorization: `Bearer ${toolsKey}` })
    expect([toGrade.status, toGrade.body.error?.code]).toEqual([403, 'insufficient_scope'])
    expect(toGrade.body.error?.message).toContain('the scope "grade"')
    expect((await post(app, '/tools/look', call, { authorization: `Bearer ${readKey}` })).status).toBe(403)
    expect(log.lines).toMatchObject([
      { level: 'error', facts: { status: 403, subject: 'train' } },
      { level: 'error', facts: { status: 403 } },
    ])
    expect((await app.request('/tools', { headers: { 'x-api-key': readKey } })).status).toBe(200)
  })

  it('may send a JWT, which is refused once it has expired', async () => {
    const { app } = guarded()
    const minutes = (count: number) => new Date(Date.now() + count * 60_000)
    const sign = (from: number, to: number) =>
      signToken(
        { secret: createSecretKey(secret, 'utf8') },
        { subject: 'run', scopes: ['grade'], issuedAt: minutes(from), expiresAt: minutes(to) },
      )
    const good = await post(app, '/grade', grading, { authorization: `Bearer ${await sign(0, 5)}` })
    expect(good.text).toBe('{"score":1}')
    const old = await post(app, '/grade', grading, { authorization: `Bearer ${await sign(-60, -30)}` })
    expect([old.status, old.body.error?.code]).toEqual([401, 'expired_token'])
  })

  it('with a key in the URL is refused, and the key is not logged', async () => {
    const { app, log } = guarded()
    const { status, body } = await post(app, `/tools/look?code=${toolsKey}`, call)
    expect([status, body.error?.code]).toEqual([401, 'invalid_token'])
    expect(JSON.stringify(log.lines)).not.toContain(toolsKey)
    expect((await post(app, '/tools/look?run=5', call, { 'api-key': toolsKey })).status).toBe(200)
  })
})
