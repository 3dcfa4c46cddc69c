import type { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../../src/server/auth/authenticate.ts'
import { parseApiKeys } from '../../../src/server/auth/keys.ts'
import { anonymous } from '../../../src/server/auth/principal.ts'
import type { WirePort } from '../../../src/server/http/wire-ports.ts'
import { mcp } from '../../../src/wires/mcp/mcp.ts'
import { aws } from '../../../src/wires/reward/aws.ts'
import { slime } from '../../../src/wires/reward/slime.ts'
import { defineGrader, type TestAppOptions, testApp } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

const one = defineGrader({ name: 'one', version: '1', grade: () => 1 })
const key = 'key-of-the-trainer'
const authenticate = createAuthenticator({
  keys: parseApiKeys(`trainer:grade@exp-*=${key}`),
  keyHeaders: [],
})

/** The app of a port. */
function portApp(port: Pick<WirePort, 'wire' | 'run'>, options: TestAppOptions = {}): Hono {
  const apps: Hono[] = []
  const wirePorts = [{ ...port, host: '127.0.0.1', port: 8001 }]
  testApp(database, { graders: [one], authenticate, wirePorts, servePort: (_, app) => apps.push(app), ...options })
  const [app] = apps
  if (app === undefined) throw new Error('the port has no app')
  return app
}

async function ask(app: Hono, path: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await app.request(path, { method: 'POST', headers, body: JSON.stringify(body) })
  const answer: unknown = await response.json()
  return { status: response.status, answer }
}

const runsOf = async (wire: string) =>
  (await database.sql`select run, key_name from rollouts where wire = ${wire} order by run`).map(
    ({ run, key_name: key }) => [run, key],
  )

const completion = { prompt: '2+2?', response: '4', label: '4' }
const sample = [
  {
    id: 'a',
    messages: [
      { role: 'user', content: '2+2?' },
      { role: 'assistant', content: '4' },
    ],
  },
]

describe('the port of a wire whose client can send no key', () => {
  it('serves the wire without its prefix and without a key, in the run of the port', async () => {
    const app = portApp({ wire: slime, run: 'exp-7' })
    expect(await ask(app, '/', completion)).toEqual({ status: 200, answer: 1 })
    expect(await ask(app, '/one', completion)).toEqual({ status: 200, answer: 1 })
    expect(await ask(portApp({ wire: slime, run: undefined }), '/', completion)).toMatchObject({ status: 200 })
    expect(await runsOf('slime')).toEqual([
      ['default', 'slime'],
      ['exp-7', 'slime'],
    ])
  })

  it('refuses every other run', async () => {
    const bound = portApp({ wire: slime, run: 'exp-7' })
    const conflict = { status: 400, answer: { error: { code: 'run_conflict' } } }
    expect(await ask(bound, '/runs/exp-8/one', completion)).toMatchObject(conflict)
    expect(await ask(bound, '/', completion, { 'x-run': 'exp-8' })).toMatchObject(conflict)
    expect(await ask(bound, '/runs/exp-7/one', completion)).toMatchObject({ status: 200 })
    const unbound = portApp({ wire: slime, run: undefined })
    const forbidden = { status: 403, answer: { error: { code: 'run_forbidden' } } }
    expect(await ask(unbound, '/runs/exp-8/one', completion)).toMatchObject(forbidden)
  })

  it('serves no other address but those for a load balancer', async () => {
    const app = portApp({ wire: slime, run: 'exp-7' })
    expect(await ask(app, '/reward/slime', completion)).toMatchObject({
      status: 404,
      answer: { error: { code: 'not_found' } },
    })
    expect(await (await app.request('/healthz')).json()).toEqual({ status: 'ok' })
    expect(await (await app.request('/readyz')).json()).toEqual({ status: 'ready' })
  })

  it('does not open the same wire under its prefix', async () => {
    const app = testApp(database, { graders: [one], authenticate })
    expect(await ask(app, '/reward/slime', completion)).toMatchObject({ status: 401 })
  })
})

describe('the port of a wire whose client sends a key', () => {
  const headers = { authorization: `Bearer ${key}` }

  it('asks for it, and is bound to its run', async () => {
    const app = portApp({ wire: aws, run: 'exp-7' })
    expect(await ask(app, '/', sample)).toMatchObject({ status: 401 })
    expect(await ask(app, '/', sample, headers)).toMatchObject({ status: 200 })
    expect(await runsOf('aws')).toEqual([['exp-7', 'trainer']])
    expect(await ask(app, '/runs/exp-8/one', sample, headers)).toMatchObject({ status: 400 })
    const other = portApp({ wire: aws, run: 'final' })
    expect(await ask(other, '/', sample, headers)).toMatchObject({
      status: 403,
      answer: { error: { code: 'run_forbidden' } },
    })
  })

  it('gives out addresses of its port, not of the public one', async () => {
    const port = { wire: mcp, run: 'exp-7' }
    const app = portApp(port, { authenticate: async () => anonymous, publicUrl: 'https://tools.example.com' })
    const { answer } = await ask(app, 'http://10.0.0.5:8001/rollouts', { item: {} })
    expect(answer).toMatchObject({ run: 'exp-7', url: expect.stringMatching(/^http:\/\/10\.0\.0\.5:8001\/[\w.-]+$/) })
  })

  it('takes the run from the request where it is bound to none', async () => {
    const app = portApp({ wire: aws, run: undefined })
    expect(await ask(app, '/runs/exp-9/one', sample, headers)).toMatchObject({ status: 200 })
    expect(await ask(app, '/', sample, headers)).toMatchObject({
      status: 400,
      answer: { error: { code: 'run_required' } },
    })
  })
})

describe('a wire that is off', () => {
  it('has no addresses under its prefix', async () => {
    const app = testApp(database, { graders: [one], wires: [slime] })
    expect(await ask(app, '/reward/slime', completion)).toMatchObject({ status: 200 })
    expect(await ask(app, '/reward/aws', sample)).toMatchObject({ status: 404 })
  })
})
