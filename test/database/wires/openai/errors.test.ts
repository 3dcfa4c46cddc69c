import OpenAI, { AzureOpenAI } from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../../../src/server/auth/authenticate.ts'
import { parseApiKeys } from '../../../../src/server/auth/keys.ts'
import { defaultKeyHeaders } from '../../../../src/server/auth/settings.ts'
import { keepingLog } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { type Served, served, thrown } from '../../../support/openai/served.ts'

const grading = 'grading-key-0001'
const calling = 'calling-key-0002'
const keys = parseApiKeys(`grader:grade=${grading},caller:tools=${calling}`)

const database = useDatabase()
let server: Served

beforeAll(async () => {
  const authenticate = createAuthenticator({ keys, keyHeaders: defaultKeyHeaders })
  server = await served(database, { authenticate, limits: { maxBodyBytes: 2_000 } })
})

afterAll(async () => {
  server.close()
})

const bases = ['/v1', '/openai/v1', '/openai']
const clientAt = (base: string, apiKey: string) =>
  new OpenAI({ baseURL: `${server.origin}${base}`, apiKey, maxRetries: 0 })
const run = { path: '/fine_tuning/alpha/graders/run', body: { model_sample: 'x' } }
const validate = { path: '/fine_tuning/alpha/graders/validate', body: {} }
const tool = { path: '/fine_tuning/alpha/tool/run', body: { name: 'x' } }
const type = 'invalid_request_error'

describe.each(bases)('under %s', (base) => {
  const ask = (key: string, { path, body }: { path: string; body: object }) => clientAt(base, key).post(path, { body })

  it('without a key, or with one that lacks the scope, is refused in OpenAI’s shape', async () => {
    for (const address of [run, validate, tool]) {
      const error = await thrown(ask('no-key-of-any-kind', address))
      expect(error).toMatchObject({
        name: 'AuthenticationError',
        status: 401,
        type,
        param: null,
        code: 'invalid_token',
      })
    }
    const denied = { name: 'PermissionDeniedError', status: 403, type, param: null, code: 'insufficient_scope' }
    expect(await thrown(ask(calling, run))).toMatchObject(denied)
    expect(await thrown(ask(calling, validate))).toMatchObject(denied)
    expect(await thrown(ask(grading, tool))).toMatchObject(denied)
  })

  it('unknown addresses are a 404, and other methods are not allowed', async () => {
    const missing = await thrown(clientAt(base, grading).models.list())
    expect(missing).toMatchObject({ name: 'NotFoundError', status: 404, type, param: null, code: 'not_found' })
    const method = await thrown(clientAt(base, grading).get(run.path))
    expect(method).toMatchObject({ status: 405, type, code: 'method_not_allowed' })
  })

  it('a body that is too large, not JSON or invalid is refused with the field’s name', async () => {
    const large = { ...run, body: { grader: {}, model_sample: 'x'.repeat(2_000) } }
    expect(await thrown(ask(grading, large))).toMatchObject({ status: 413, type, param: null, code: 'body_too_large' })
    const misfit = await thrown(ask(grading, { ...run, body: { model_sample: 7 } }))
    expect(misfit).toMatchObject({ status: 400, type, param: 'model_sample', code: 'invalid_request' })
    const { status, body, id } = await raw(base, '{"grader": ')
    expect([status, body]).toEqual([
      400,
      { error: { message: expect.stringMatching(/^the body is not JSON/), type, param: null, code: 'invalid_json' } },
    ])
    expect(id).toMatch(/^req_/)
  })
})

async function raw(base: string, text: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.origin}${base}${run.path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${grading}`, ...headers },
    body: text,
  })
  return { status: response.status, body: await response.json(), id: response.headers.get('x-request-id') }
}

describe('an address of the SDKs', () => {
  it('accepts a key in Authorization, and in the header of Azure’s client', async () => {
    const grader = { type: 'string_check', name: 'c', operation: 'eq', input: 'a', reference: 'a' } as const
    const ours = await clientAt('/v1', grading).fineTuning.alpha.graders.run({ grader, model_sample: '' })
    const azure = new AzureOpenAI({ endpoint: server.origin, apiKey: grading, apiVersion: '2025-04-01-preview' })
    expect(ours.reward + (await azure.fineTuning.alpha.graders.run({ grader, model_sample: '' })).reward).toBe(2)
  })

  it('refuses a compressed body, and a key in the URL', async () => {
    expect(await raw('/v1', '{}', { 'content-encoding': 'gzip' })).toMatchObject({ status: 415 })
    const response = await fetch(`${server.origin}/v1${run.path}?api_key=${grading}`, { method: 'POST', body: '{}' })
    expect([response.status, await response.json()]).toMatchObject([401, { error: { type, code: 'invalid_token' } }])
  })

  it('takes a call id that belongs to another call as that of a call of its own, at the first try', async () => {
    const call = (name: string) => ({ path: tool.path, body: { name, call_id: 'reused', trace_id: 'errors-reused' } })
    let tries = 0
    const counting: typeof fetch = (...request) => {
      tries += 1
      return fetch(...request)
    }
    const retrying = new OpenAI({ baseURL: `${server.origin}/v1`, apiKey: calling, maxRetries: 3, fetch: counting })
    await retrying.post(tool.path, { body: call('one').body })
    await retrying.post(tool.path, { body: call('other').body })
    expect(tries).toBe(2)
    const rows = await database.sql`select nth from ledger.calls where rollout_id = 'errors-reused' order by seq`
    expect(rows.map((row) => row['nth'])).toEqual([1, 2])
  })

  it('logs its errors with the request’s id', async () => {
    const log = keepingLog()
    const logged = await served(database, { log })
    const { requestID, code } = await thrown(logged.client.post(run.path, { body: {} }))
    expect(log.lines).toMatchObject([{ level: 'warn', facts: { request: requestID, code, status: 400 } }])
    logged.close()
  })

  it('answers an overload in the same shape, and the SDK retries', async () => {
    const full = await served(database, { limits: { maxRequestsInFlight: 0 } })
    const error = await thrown(full.client.post(run.path, { body: {} }))
    expect(error).toMatchObject({ name: 'InternalServerError', status: 503, type: 'server_error', code: 'overloaded' })
    expect([error.param, error.requestID]).toEqual([null, expect.stringMatching(/^req_/)])
    full.close()
  })
})

describe('GET /openapi.json', () => {
  it('describes each address under each prefix, with its bodies and answers', async () => {
    const headers = { authorization: `Bearer ${calling}` }
    const text = await (await fetch(`${server.origin}/openapi.json`, { headers })).text()
    for (const base of bases) {
      for (const { path } of [run, validate, tool]) expect(text).toContain(`"${base}${path}":{"post"`)
    }
    for (const field of ['"model_sample"', '"server_url"', '"python_grader_runtime_error_details"', '"SdkError"']) {
      expect(text).toContain(field)
    }
  })
})
