import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { checkGrader } from '../../../src/runtime/openai-graders/check-grader.ts'
import { createAuthenticator } from '../../../src/server/auth/authenticate.ts'
import { parseApiKeys } from '../../../src/server/auth/keys.ts'
import { defineGrader, defineTool, gradingOf, keepingLog, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

const write = defineTool({
  name: 'write',
  description: 'Notes a text.',
  input: z.object({ text: z.string() }),
  effects: 'database',
  run: ({ input, state }) => {
    state.notes.push(input.text)
    return state.notes
  },
})
const read = defineTool({
  name: 'read',
  description: 'Reads the notes.',
  input: z.object({ text: z.string() }),
  effects: 'none',
  run: async ({ input, readState }) => [input.text, ...(await readState()).notes],
})
const send = defineTool({
  name: 'send',
  description: 'Sends a text.',
  input: z.object({ text: z.string() }),
  effects: 'external',
  run: ({ input }) => `sent ${input.text}`,
})

/** The score says which calls of the rollout the grader saw: 10 for each, and 1 for each note. */
const seen = defineGrader({
  name: 'seen',
  version: '1',
  range: [0, 1_000],
  grade: ({ trajectory, state }) => 10 * trajectory.length + state.notes.length,
})

/** A grader in OpenAI's format that asks the grader above at this server. */
const asking = checkGrader({ type: 'endpoint', name: 'asks', url: 'https://tools.example.com/graders/seen' })
if (!asking.ok) throw new Error(asking.message)
const asks = { name: 'asks', version: '1', codeHash: 'abc', grader: asking.grader }

const [redKey, blueKey, freeKey] = ['a-key-of-red-alone', 'a-key-of-blue-alone', 'a-key-of-every-run']
const keys = parseApiKeys(
  `red:tools+grade@red=${redKey} blue:tools+grade@blue+exp-*=${blueKey} free:tools+grade+read=${freeKey}`,
)

function serve() {
  const log = keepingLog()
  const authenticate = createAuthenticator({ keys, keyHeaders: [] })
  const publicUrl = 'https://tools.example.com'
  const app = testApp(database, {
    ...{ tools: [write, read, send], graders: [seen], jsonGraders: [asks], budget: 3, log, authenticate, publicUrl },
  })
  return { app, log }
}

const as = (key: string) => ({ authorization: `Bearer ${key}` })
const alpha = '/v1/fine_tuning/alpha'
const textGrader = { type: 'string_check', name: 'c', input: '{{sample.output_text}}', reference: 'x', operation: 'eq' }
/** Its reward is 1 if the sample's trajectory is empty. */
const sees = { ...textGrader, input: '{{sample.output_tools}}', reference: '[]' }

/** Every address that reads or writes a rollout: a request whose answer shows what it saw. */
const addresses: readonly (readonly [string, string, (rollout: string, text: string) => object])[] = [
  ['a tool that writes', '/tools/write', (id, text) => toolCall('write', id, 'call_0', { text })],
  ['a tool that reads', '/tools/read', (id, text) => toolCall('read', id, 'call_0', { text })],
  ['a tool with external effects', '/tools/send', (id, text) => toolCall('send', id, 'call_0', { text })],
  ['the tool that the body names', '/tools', (id, text) => toolCall('write', id, 'call_0', { text })],
  ['tool/run', `${alpha}/tool/run`, (id, text) => toolCall('write', id, 'call_0', { text })],
  ['tool/run of Azure', '/openai/fine_tuning/alpha/tool/run', (id, text) => toolCall('read', id, 'call_0', { text })],
]

describe.each(addresses)('%s', (_, path, bodyOf) => {
  it('answers the same ids of two runs apart: no replay, no shared state, no shared budget', async () => {
    const { app } = serve()
    const id = `same ${path} ${bodyOf('', '')}`
    const first = await post(app, path, bodyOf(id, 'red'), as(redKey))
    expect(first.status).toBe(200)
    for (const [name, key] of [
      ['blue', blueKey],
      ['free', freeKey],
    ] as const) {
      const other = await post(app, path, bodyOf(id, name), as(key))
      expect([other.status, other.headers.get('x-replayed')]).toEqual([200, null])
      expect(other.body.output).toBe(first.body.output?.replaceAll('red', name))
    }
    const again = await post(app, path, bodyOf(id, 'red'), as(redKey))
    expect([again.headers.get('x-replayed'), again.body.output]).toEqual(['true', first.body.output])
    const rows = await database.sql`select run, calls, key_name from rollouts where id = ${id} order by run`
    expect([...rows]).toEqual([
      { run: 'blue', calls: 1, key_name: 'blue' },
      { run: 'default', calls: 1, key_name: 'free' },
      { run: 'red', calls: 1, key_name: 'red' },
    ])
  })

  it('refuses another run by a key that is bound, in the address and in the header, and nothing runs', async () => {
    const { app, log } = serve()
    const id = `forbidden ${path}`
    const body = bodyOf(id, 'x')
    for (const answer of [
      await post(app, `/runs/red${path}`, body, as(blueKey)),
      await post(app, path, body, { ...as(blueKey), 'x-run': 'red' }),
      await post(app, `/runs/default${path}`, body, as(redKey)),
    ]) {
      expect([answer.status, answer.body.error?.code, answer.body.output]).toEqual([403, 'run_forbidden', undefined])
    }
    expect(log.lines.filter(({ facts }) => facts['code'] === 'run_forbidden')).not.toHaveLength(0)
    expect(await database.sql`select 1 from rollouts where id = ${id}`).toHaveLength(0)
  })

  it('uses the run of its address or of its header', async () => {
    const { app } = serve()
    const id = `named ${path}`
    const inAddress = await post(app, `/runs/exp-1${path}`, bodyOf(id, 'one'), as(blueKey))
    const inHeader = await post(app, path, bodyOf(id, 'one'), { ...as(blueKey), 'x-run': 'exp-1' })
    expect([inAddress.status, inHeader.headers.get('x-replayed')]).toEqual([200, 'true'])
    const rows = await database.sql`select run from rollouts where id = ${id}`
    expect([...rows]).toEqual([{ run: 'exp-1' }])
    const both = await post(app, `/runs/exp-1${path}`, bodyOf(id, 'one'), { ...as(blueKey), 'x-run': 'exp-2' })
    expect([both.status, both.body.error?.code, both.body.output]).toEqual([400, 'run_conflict', undefined])
    const invalid = await post(app, `/runs/exp%201${path}`, bodyOf(id, 'one'), as(freeKey))
    expect([invalid.status, invalid.body.error?.code]).toEqual([400, 'invalid_run'])
  })
})

describe.each([
  ['the default grader', '/grade'],
  ['a grader by its name', '/graders/seen'],
  ['a JSON grader that asks this server', '/graders/asks'],
])('%s', (_, path) => {
  it('grades the same id of two runs apart, each on its own calls and state', async () => {
    const { app } = serve()
    const id = `graded ${path}`
    await post(app, '/tools/write', toolCall('write', id, 'call_0', { text: 'a' }), as(redKey))
    await post(app, '/tools/read', toolCall('read', id, 'call_1', { text: 'b' }), as(redKey))
    const scores = async () =>
      [
        await post(app, path, gradingOf(id, 'the answer'), as(redKey)),
        await post(app, path, gradingOf(id, 'the answer'), as(blueKey)),
        await post(app, `/runs/exp-1${path}`, gradingOf(id, 'the answer'), as(freeKey)),
      ].map(({ body }) => body.score)
    expect(await scores()).toEqual([21, 0, 0])
    expect(await scores()).toEqual([21, 0, 0])
    const rows = await database.sql`
      select distinct g.run from ledger.gradings g join rollouts r on r.run = g.run and r.number = g.number
      where r.id = ${id} order by g.run`
    expect(rows.map(({ run }) => run)).toEqual(['blue', 'exp-1', 'red'])
  })

  it('is refused to a key of other runs, and nothing is recorded', async () => {
    const { app } = serve()
    const id = `not graded ${path}`
    for (const answer of [
      await post(app, `/runs/red${path}`, gradingOf(id, 'x'), as(blueKey)),
      await post(app, path, gradingOf(id, 'x'), { ...as(redKey), 'x-run': 'exp-1' }),
    ]) {
      expect([answer.status, answer.body.error?.code]).toEqual([403, 'run_forbidden'])
    }
    expect(await database.sql`select 1 from rollouts where id = ${id}`).toHaveLength(0)
  })
})

describe('graders/run', () => {
  const rewardOf = async (app: ReturnType<typeof serve>['app'], path: string, key: string, trace_id: string) => {
    const body = { grader: sees, model_sample: 'x', trace_id }
    const answer = await post(app, path, body, as(key))
    return answer.status === 200 ? answer.body['reward'] : [answer.status, answer.body.error?.code]
  }

  it('reads the trajectory of a rollout of its own run alone', async () => {
    const { app } = serve()
    await post(app, '/tools/read', toolCall('read', 'looked at', 'call_0', { text: 'a' }), as(redKey))
    for (const base of ['/v1', '/openai/v1', '/openai']) {
      const path = `${base}/fine_tuning/alpha/graders/run`
      expect(await rewardOf(app, path, redKey, 'looked at')).toBe(0)
      expect(await rewardOf(app, path, blueKey, 'looked at')).toBe(1)
      expect(await rewardOf(app, `/runs/red${path}`, freeKey, 'looked at')).toBe(0)
      expect(await rewardOf(app, `/runs/red${path}`, blueKey, 'looked at')).toEqual([403, 'run_forbidden'])
      const validate = `/runs/red${base}/fine_tuning/alpha/graders/validate`
      expect((await post(app, validate, { grader: textGrader }, as(blueKey))).status).toBe(403)
      expect((await post(app, validate, { grader: textGrader }, as(redKey))).status).toBe(200)
    }
  })

  it('asks a grader of this server in the run of the request', async () => {
    const { app } = serve()
    await post(app, '/tools/read', toolCall('read', 'asked about', 'call_0', { text: 'a' }), as(redKey))
    const asked = async (key: string, url: string) => {
      const body = { grader: { type: 'endpoint', name: 'a', url }, model_sample: 'x', trace_id: 'asked about' }
      return (await post(app, `${alpha}/graders/run`, body, as(key))).body['reward']
    }
    expect(await asked(redKey, 'https://tools.example.com/graders/seen')).toBe(10)
    expect(await asked(redKey, 'https://tools.example.com/runs/red/graders/seen')).toBe(10)
    expect(await asked(blueKey, 'https://tools.example.com/graders/seen')).toBe(0)
    expect(await asked(blueKey, 'https://tools.example.com/runs/red/graders/seen')).toBeNull()
  })
})

describe('tool/run', () => {
  it("uses the run in the tool's address, and refuses it to a key of other runs", async () => {
    const { app } = serve()
    const body = (run: string) => ({
      ...toolCall('read', 'by address', 'call_0', { text: 'a' }),
      server_url: `https://tools.example.com/runs/${run}/tools/read`,
    })
    expect((await post(app, `${alpha}/tool/run`, body('exp-1'), as(blueKey))).status).toBe(200)
    const rows = await database.sql`select run, wire from rollouts where id = 'by address'`
    expect([...rows]).toEqual([{ run: 'exp-1', wire: 'openai' }])
    const codes = [
      await post(app, `${alpha}/tool/run`, body('red'), as(blueKey)),
      await post(app, `/runs/blue${alpha}/tool/run`, body('exp-1'), as(blueKey)),
      await post(app, `${alpha}/tool/run`, body('a%20b'), as(freeKey)),
    ].map(({ status, body: { error } }) => [status, error?.code])
    expect(codes).toEqual([
      [403, 'run_forbidden'],
      [400, 'run_conflict'],
      [400, 'invalid_run'],
    ])
  })
})

describe('the time at which a rollout ends', () => {
  it('is after the longest that a tool may run, and soon after its grading', async () => {
    const slow = defineTool({
      ...{ name: 'slow', description: 'May run for ten minutes.', input: z.object({}), effects: 'none' },
      ...{ timeoutSeconds: 600, run: () => 'done' },
    })
    const limits = { idleSeconds: 1, keepSeconds: 20 }
    const app = testApp(database, { tools: [slow], graders: [seen], limits })
    const secondsLeft = async () => {
      const [row] = await database.sql`
        select extract(epoch from due_at - coalesce(graded_at, created_at))::float as seconds
        from rollouts where id = 'ends'`
      return row?.['seconds']
    }
    expect((await post(app, '/tools/slow', toolCall('slow', 'ends', 'call_0'))).status).toBe(200)
    expect(await secondsLeft()).toBeCloseTo(660, 1)
    expect((await post(app, '/grade', gradingOf('ends', 'x'))).status).toBe(200)
    expect(await secondsLeft()).toBeCloseTo(20, 1)
  })
})

describe('the descriptions', () => {
  it.each(['/tools', '/openapi.json'])('%s is refused in a run to which the key is not bound', async (path) => {
    const { app } = serve()
    const statusOf = async (at: string, key: string) => (await app.request(at, { headers: as(key) })).status
    expect(await statusOf(path, blueKey)).toBe(200)
    expect(await statusOf(`/runs/exp-1${path}`, blueKey)).toBe(200)
    expect(await statusOf(`/runs/red${path}`, blueKey)).toBe(403)
    expect(await statusOf(`/runs/red${path}`, freeKey)).toBe(200)
  })

  it('say that every address may follow a run', async () => {
    const response = await serve().app.request('/openapi.json', { headers: as(freeKey) })
    expect(await response.json()).toMatchObject({
      servers: [{ url: '/' }, { url: '/runs/{run}', variables: { run: { default: 'default' } } }],
    })
  })

  it('name an unknown address as it was sent', async () => {
    const { app } = serve()
    expect(await post(app, '/runs/red/elsewhere', {}, as(redKey))).toMatchObject({
      status: 404,
      body: { error: { message: expect.stringContaining('POST /runs/red/elsewhere is not an address') } },
    })
  })
})
