import { once } from 'node:events'
import { type OutgoingHttpHeaders, request } from 'node:http'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defaultLimits, type Limits } from '../../../src/base/limits.ts'
import { ToolError } from '../../../src/kit/errors.ts'
import type { AppDeps } from '../../../src/server/app-deps.ts'
import { createAuthenticator } from '../../../src/server/auth/authenticate.ts'
import { parseApiKeys } from '../../../src/server/auth/keys.ts'
import { readAuthSettings } from '../../../src/server/auth/settings.ts'
import { admitting, createAdmission } from '../../../src/server/http/admission.ts'
import { type CallServices, createDirectCalls, type DirectCalls } from '../../../src/server/http/direct-calls.ts'
import { createHttpServer } from '../../../src/server/http/http-server.ts'
import { createAccessLog, observed, type RequestObserver } from '../../../src/server/http/observed-requests.ts'
import { defineTool, gate, keepingLog, testApp, toolCall } from '../../support/app.ts'
import { makeIssuerKey, startIssuer } from '../../support/auth/issuer.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()
const closers: (() => void)[] = []

afterAll(() => {
  for (const close of closers) close()
})

const input = z.object({ what: z.string() })
const find = defineTool({
  ...{ name: 'find', description: 'Finds.', input },
  effects: 'none',
  run({ input: { what } }) {
    if (what === 'nothing') throw new ToolError('there is nothing to find')
    if (what === 'fault') throw new Error('the tool is broken')
    return `found ${what}`
  },
})

const keys = parseApiKeys(
  'trainer:tools=a-key-of-the-trainer-01,bound:tools@exp=a-key-that-is-bound-01,reader:read=a-key-of-a-reader-001,open:tools@x-*=a-key-with-a-pattern-1',
)
const byKeys = createAuthenticator({ keys, keyHeaders: ['x-api-key'] })
const trainer = { authorization: 'Bearer a-key-of-the-trainer-01' }
const maxBodyBytes = 20_000

/** The app as `app.request()`, on a socket by its routes alone, and on a socket with the short way for tool calls. */
async function servers(authenticate: AppDeps['authenticate'], given: Partial<Limits> = {}) {
  const make = async (isDirect: boolean) => {
    const log = keepingLog()
    const limits = { ...defaultLimits, maxBodyBytes, ...given }
    const admission = createAdmission(limits, log)
    let services: CallServices | undefined
    const serveCalls: AppDeps['serveCalls'] = (given) => {
      services = given
    }
    const app = testApp(database, { tools: [find], limits, log, authenticate, serveCalls, budget: 3 })
    const answered: string[] = []
    let active = 0
    const observer: RequestObserver = {
      began() {
        active += 1
      },
      answered(url, status) {
        active -= 1
        answered.push(`${url.replace(/:\d+/, '')} ${status}`)
      },
      access: createAccessLog(log, 1),
    }
    if (services === undefined) throw new Error('the app gave no calls')
    const direct = isDirect ? createDirectCalls(services, admission, observer) : undefined
    const taken: boolean[] = []
    const noting: DirectCalls = (incoming, response) => {
      const isTaken = direct?.(incoming, response) === true
      taken.push(isTaken)
      return isTaken
    }
    const { server } = createHttpServer(observed(admitting(app, admission), observer), { direct: noting })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closers.push(() => {
      server.close()
      server.closeAllConnections()
    })
    const { port } = z.object({ port: z.number() }).parse(server.address())
    const ask = async (path: string, headers: OutgoingHttpHeaders, body: string | Buffer) => {
      const sent = request({ host: '127.0.0.1', port, path, method: 'POST', headers })
      sent.end(body)
      const [response] = await once(sent, 'response')
      let text = ''
      for await (const chunk of response) text += String(chunk)
      return { status: Number(response.statusCode), headers: plain(response.headers), text }
    }
    const connections = promisify<number>((done) => server.getConnections(done))
    return { app, port, connections, log, answered, taken, ask, admission, active: () => active }
  }
  return { routes: await make(false), direct: await make(true) }
}

/** The header fields of an answer without those of the connection and the time. */
function plain(headers: Readonly<Record<string, unknown>>) {
  const { date: _, connection: __, 'keep-alive': ___, 'content-length': ____, ...others } = headers
  return others
}

const call = (changes: object = {}, args: unknown = { what: 'it' }) => ({
  ...toolCall('find', 'ROLLOUT', 'call_1', args, { question: 'which?' }),
  ...changes,
})

interface Played {
  readonly path?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: unknown
  /** Whether the routes must answer it. */
  readonly isUnusual?: boolean
  readonly status: number
}

const played: Readonly<Record<string, Played>> = {
  'a call': { status: 200 },
  'a call by the name in its body': { path: '/tools', status: 200 },
  'a call under the prefix of the wire': { path: '/agent-rft/tools/find', status: 200 },
  'a call of a run in the address': { path: '/runs/exp-1/tools/find', status: 200 },
  'a call of a run in a header': { headers: { ...trainer, 'x-run': 'exp-2' }, status: 200 },
  'a call with a key in another header': { headers: { 'x-api-key': 'a-key-of-the-trainer-01' }, status: 200 },
  'a call with ids that are numbers': { body: call({ id: 7, call_id: 8 }), status: 200 },
  'a call with empty ids': { body: call({ id: '', name: null }), status: 200 },
  'a call whose id has unusual characters': { body: call({ call_id: 'ä/☃' }), status: 200 },
  'a call with arguments that are an object': { body: call({ arguments: { what: 'it' } }), status: 200 },
  'a call without an item': { body: call({ item: undefined }), status: 200 },
  'a call with an unknown field': { body: call({ more: [1] }), status: 200 },
  'a call with wrong arguments': { body: call({}, { what: 7 }), status: 200 },
  'a call that the tool refuses': { body: call({}, { what: 'nothing' }), status: 200 },
  'a call of an unknown tool': { path: '/tools/lose', status: 200 },
  'a call whose tool fails': { body: call({}, { what: 'fault' }), status: 500 },
  'a call with an item that does not fit': { body: call({ item: { question: 7 } }), status: 422 },
  'a call without a token': { headers: {}, status: 401 },
  'a call with an unknown token': { headers: { authorization: 'Bearer nobody' }, status: 401 },
  'a call with a token without the scope': { headers: { 'x-api-key': 'a-key-of-a-reader-001' }, status: 403 },
  'a call of a run of others': {
    ...{ path: '/runs/final/tools/find', headers: { 'x-api-key': 'a-key-that-is-bound-01' } },
    status: 403,
  },
  'a call that must name a run': { headers: { 'x-api-key': 'a-key-with-a-pattern-1' }, status: 400 },
  'a call that names two runs': {
    ...{ path: '/runs/one/tools/find', headers: { ...trainer, 'x-run': 'two' } },
    status: 400,
  },
  'a call of a run with an invalid name': { headers: { ...trainer, 'x-run': 'no name' }, status: 400 },
  'a call without a name': { path: '/tools', body: call({ name: undefined }), status: 400 },
  'a call with an id that is too long': { body: call({ call_id: 'x'.repeat(257) }), status: 400 },
  'a call with an id that is not exact': { body: '{"trace_id":12345678901234567890,"name":"find"}', status: 400 },
  'a body that is not JSON': { body: '{"name":', status: 400 },
  'a body that is not an object': { body: '"find"', status: 400 },
  'a body that is not UTF-8': { body: Buffer.from([0x7b, 0xff, 0x7d]), status: 400 },
  'an empty body': { headers: { ...trainer, 'content-length': 0 }, body: '', status: 400 },
  'a body that is too large': { body: call({ more: 'x'.repeat(maxBodyBytes) }), isUnusual: true, status: 413 },
  'a body in chunks': { headers: { ...trainer, 'transfer-encoding': 'chunked' }, isUnusual: true, status: 200 },
  'a body with an encoding': { headers: { ...trainer, 'content-encoding': 'gzip' }, isUnusual: true, status: 415 },
  'a key in the address': { path: '/tools/find?api_key=x', isUnusual: true, status: 401 },
  'an address with an escape': { path: '/tools/f%69nd', isUnusual: true, status: 200 },
  'an address with a slash at its end': { path: '/tools/find/', isUnusual: true, status: 200 },
  'an address with dots': { path: '/runs/../tools/find', isUnusual: true, status: 200 },
  'a host that is none': { headers: { ...trainer, host: 'a b' }, isUnusual: true, status: 400 },
  'two tokens in one header': {
    ...{ headers: { Authorization: [trainer.authorization, 'Bearer nobody'] }, isUnusual: true },
    status: 401,
  },
  'another address': { path: '/tools/find/it', isUnusual: true, status: 404 },
}

describe('a tool call that takes the short way', async () => {
  const { routes, direct } = await servers(byKeys)

  it.each(Object.entries(played))('is answered as by the routes: %s', async (name, { isUnusual = false, ...sent }) => {
    const { path = '/tools/find', body = call() } = sent
    const headers: OutgoingHttpHeaders = sent.headers ?? trainer
    const rollout = `rollout-${Object.keys(played).indexOf(name)}`
    const play = async ({ ask, log, taken, answered }: typeof direct, id: string) => {
      for (const list of [log.lines, taken, answered]) list.length = 0
      const text = typeof body === 'string' || body instanceof Buffer ? body : JSON.stringify(body)
      const named = typeof text === 'string' ? text.replace('ROLLOUT', id) : text
      const length = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(named) }
      const fields = headers['transfer-encoding'] === undefined ? { ...length, ...headers } : headers
      const answers = [await ask(path, fields, named), await ask(path, fields, named)]
      const lines = log.lines.map(({ level, message, facts: { ms: _, ...facts } }) => ({ level, message, facts }))
      return JSON.parse(JSON.stringify({ answers, lines, answered }).replaceAll(id, 'ROLLOUT'))
    }
    const byRoutes = await play(routes, `${rollout}-a`)
    const byDirect = await play(direct, `${rollout}-b`)
    expect(byDirect).toEqual(byRoutes)
    expect(byDirect.answers[0].status).toBe(sent.status)
    expect(direct.taken).toEqual([!isUnusual, !isUnusual])
    expect([direct.active(), direct.admission.inFlight]).toEqual([0, 0])
  })

  it('is answered as by app.request()', async () => {
    const text = (id: string) => JSON.stringify(call()).replace('ROLLOUT', id)
    const headers = { ...trainer, 'content-type': 'application/json' }
    const response = await direct.app.request('/tools/find', { method: 'POST', headers, body: text('request-a') })
    const length = Buffer.byteLength(text('request-b'))
    const answer = await direct.ask('/tools/find', { ...headers, 'content-length': length }, text('request-b'))
    expect(answer.headers).toEqual({
      ...plain(Object.fromEntries(response.headers)),
      'x-rollout-id': 'request-b',
    })
    expect([answer.status, answer.text]).toEqual([response.status, await response.text()])
  })
})

describe('a call whose client leaves while the key of its token is fetched', () => {
  it.each(['routes', 'direct'] as const)('makes room for the next one (%s)', async (way) => {
    const key = await makeIssuerKey('ES256', 'key')
    const issuer = await startIssuer(key)
    closers.push(() => void issuer.stop())
    const fetched = gate()
    issuer.hold(fetched.pass)
    const settings = readAuthSettings({ JWT_JWKS_URL: issuer.url.href })
    const { ask, port, admission, connections } = (
      await servers(createAuthenticator(settings), { maxRequestsInFlight: 1 })
    )[way]
    const body = JSON.stringify(call())
    const headers = {
      authorization: `Bearer ${await key.sign()}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }
    const left = request({ host: '127.0.0.1', port, path: '/tools/find', method: 'POST', headers })
    left.on('error', () => undefined)
    left.write(body.slice(0, 10))
    await fetched.reached
    left.destroy()
    await expect.poll(() => connections()).toBe(0)
    fetched.open()
    await expect.poll(() => admission.inFlight).toBe(0)
    expect((await ask('/tools/find', headers, body)).status).toBe(200)
  })
})
