import { once } from 'node:events'
import { request } from 'node:http'
import { serve } from '@hono/node-server'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defaultLimits } from '../../../../src/base/limits.ts'
import type { Grader } from '../../../../src/kit/define-grader.ts'
import type { Tool } from '../../../../src/kit/define-tool.ts'
import { RequestError } from '../../../../src/kit/errors.ts'
import { admitting, createAdmission } from '../../../../src/server/http/admission.ts'
import { gate, keepingLog, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { environment, rows } from '../../../support/ors/arithmetic.ts'
import { eventsIn, orsClient } from '../../../support/ors/client.ts'

const database = useDatabase()
const closing: (() => void)[] = []
afterAll(() => {
  for (const close of closing) close()
})

/** A replica on a socket, with a client of its own of the database. */
async function replica(options: { tools?: readonly Tool[]; graders?: readonly Grader[]; stopping?: AbortSignal }) {
  const log = keepingLog()
  const app = testApp(database.another(5), {
    ...options,
    log,
    readItem: environment.readItem,
    submit: environment.submit,
  })
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  closing.push(() => server.close())
  const { port } = z.object({ port: z.number() }).parse(server.address())
  return { port, log, ...orsClient((path, init) => fetch(`http://127.0.0.1:${port}${path}`, init)) }
}

/** A tool that waits at a gate, and counts how often it ran. */
function held(effects: 'none' | 'database' | 'external') {
  const door = gate()
  let runs = 0
  const head = { name: 'held', description: 'Waits.', input: z.object({}) }
  const run = async () => {
    runs += 1
    const mine = runs
    await door.pass()
    return `run ${mine}`
  }
  const tools = {
    none: () => environment.defineTool({ ...head, effects: 'none', run }),
    database: () => environment.defineTool({ ...head, effects: 'database', run }),
    external: () => environment.defineTool({ ...head, effects: 'external', run }),
  }
  return { tool: tools[effects](), door, runs: () => runs }
}

/** Posts a call and drops the connection once its id has arrived and `then` has resolved; resolves with the id. */
function dropped(port: number, sid: string, body: object, then: Promise<void>): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'x-session-id': sid, 'content-type': 'application/json' }
    const sent = request({ host: '127.0.0.1', port, path: '/ors/call', method: 'POST', headers }, (response) => {
      let text = ''
      response.on('data', async (chunk: Buffer) => {
        text += chunk.toString()
        const [first] = eventsIn(text)
        if (first === undefined) return
        await then
        sent.destroy()
        resolve(first[1])
      })
    })
    sent.on('error', reject)
    sent.end(JSON.stringify(body))
  })
}

const first = { task_spec: rows[0] ?? {} }
const outputOf = ({ result }: { result: unknown }) => z.object({ output: z.unknown() }).parse(result).output

describe('a dropped connection', () => {
  it.each(['none', 'database', 'external'] as const)(
    'while a tool with effects %s runs does not run it again: the id gets the same answer, on any replica',
    async (effects) => {
      const { tool, door, runs } = held(effects)
      const [one, other] = [await replica({ tools: [tool] }), await replica({ tools: [tool] })]
      const sid = await one.begin(first)
      const taskId = await dropped(one.port, sid, { name: 'held', input: {} }, door.reached)
      const resumed = other.call(sid, 'held', {}, taskId)
      door.open()
      const answers = [
        await resumed,
        await one.call(sid, 'held', {}, taskId),
        await other.call(sid, 'held', {}, taskId),
      ]
      const [{ text } = { text: '' }] = z
        .object({ blocks: z.array(z.object({ text: z.string() })) })
        .parse(outputOf(await resumed)).blocks
      for (const answer of answers) expect(answer.result).toMatchObject({ output: { blocks: [{ text }] } })
      if (effects !== 'none') expect([text, runs()]).toEqual(['run 1', 1])
      const calls = await database.sql`select outcome from ledger.calls where rollout_id = ${sid}`
      expect(calls.map(({ outcome }) => outcome)).toEqual(['ok'])
    },
  )

  it('after the effect and before its answer leaves one effect', async () => {
    const { tool, door, runs } = held('database')
    const [one, other] = [await replica({ tools: [tool] }), await replica({ tools: [tool] })]
    const sid = await one.begin(first)
    const taskId = await dropped(one.port, sid, { name: 'held', input: {} }, door.reached)
    door.open()
    await expect
      .poll(() => database.sql`select from ledger.calls where rollout_id = ${sid} and outcome = 'ok'`)
      .toHaveLength(1)
    expect((await other.call(sid, 'held', {}, taskId)).result).toMatchObject({
      output: { blocks: [{ text: 'run 1' }] },
    })
    expect(runs()).toBe(1)
  })

  it('while the answer is graded leaves one score', async () => {
    const door = gate()
    let gradings = 0
    const grader = environment.defineGrader({
      name: 'held',
      version: '1',
      async grade() {
        gradings += 1
        const score = gradings === 1 ? 0.25 : 0.75
        await door.pass()
        return score
      },
    })
    const [one, other] = [await replica({ graders: [grader] }), await replica({ graders: [grader] })]
    const sid = await one.begin(first)
    const taskId = await dropped(one.port, sid, { name: 'submit', input: { answer: '4' } }, door.reached)
    door.open()
    await expect
      .poll(() => database.sql`select from grades g join rollouts r on r.number = g.rollout where r.id = ${sid}`)
      .toHaveLength(1)
    for (const replica of [other, one]) {
      const { result } = await replica.call(sid, 'submit', { answer: '4' }, taskId)
      expect(result).toMatchObject({ output: { reward: 0.25, finished: true } })
    }
    expect(gradings).toBe(1)
  })
})

it('of two answers that are graded at once on two replicas, one has the score, and the model reads that of the other', async () => {
  const doors = [gate(), gate()]
  const graders = doors.map((door) =>
    environment.defineGrader({
      name: 'held',
      version: '1',
      async grade({ sample }) {
        await door.pass()
        return Number(sample.output_text)
      },
    }),
  )
  const replicas = await Promise.all(graders.map((grader) => replica({ graders: [grader] })))
  const sid = (await replicas[0]?.begin(first)) ?? ''
  const submitted = replicas.map((each, at) => each.call(sid, 'submit', { answer: `0.${at + 1}` }))
  await Promise.all(doors.map((door) => door.reached))
  for (const door of doors) door.open()
  const results = (await Promise.all(submitted)).map(({ result }) => result)
  expect(results.filter(({ ok }) => ok)).toHaveLength(1)
  expect(results.find(({ ok }) => !ok)).toMatchObject({ error: expect.stringContaining('the task is finished') })
  // Whatever is asked later, the score stays.
  const winner = results.findIndex(({ ok }) => ok)
  for (const each of replicas) {
    expect((await each.call(sid, 'submit', { answer: `0.${winner + 1}` })).result).toEqual(results[winner])
    expect((await each.call(sid, 'submit', { answer: `0.${2 - winner}` })).result.ok).toBe(false)
  }
})

describe('the id of a call', () => {
  it('makes the call on another replica where the first one has died before it', async () => {
    const { tool, door, runs } = held('external')
    door.open()
    const settings = { tools: [tool], readItem: environment.readItem }
    const [one, other] = [testApp(database, settings), await replica({ tools: [tool] })]
    const sid = await other.begin(first)
    const body = JSON.stringify({ name: 'held', input: {} })
    const response = await one.request('/ors/call', { method: 'POST', headers: { 'x-session-id': sid }, body })
    const reader = response.body?.getReader()
    const read = await reader?.read()
    const [[, taskId] = ['', '']] = eventsIn(new TextDecoder().decode(read?.value))
    await reader?.cancel()
    expect([runs(), await database.sql`select from ledger.calls where rollout_id = ${sid}`]).toEqual([0, []])
    expect((await other.call(sid, 'held', {}, taskId)).result).toMatchObject({
      output: { blocks: [{ text: 'run 1' }] },
    })
    expect(runs()).toBe(1)
  })

  it('makes a failed call again, and fails with its status so that the client stops after some tries', async () => {
    let executions = 0
    const flaky = environment.defineTool({
      name: 'flaky',
      description: 'Fails twice.',
      input: z.object({}),
      effects: 'external',
      run({ execution }) {
        executions += 1
        if (execution < 3) throw new Error('the mail server does not answer')
        return `execution ${execution}`
      },
    })
    const one = await replica({ tools: [flaky] })
    const sid = await one.begin(first)
    const events = await one.stream('/call', { name: 'flaky', input: {} }, sid)
    expect(events).toEqual([['task_id', expect.any(String)]])
    const taskId = events[0]?.[1] ?? ''
    const again = await one.post('/call', { name: 'flaky', input: {}, task_id: taskId }, sid)
    expect(again).toMatchObject({ status: 500, body: { detail: expect.stringContaining('"flaky" failed') } })
    expect(one.log.lines.filter(({ facts }) => facts['code'] === 'tool_failed')).toHaveLength(2)
    expect((await one.call(sid, 'flaky', {}, taskId)).result).toMatchObject({
      output: { blocks: [{ text: 'execution 3' }] },
    })
    expect(executions).toBe(3)
  })

  it('counts as a request in flight until its call has ended, also when its client has left', async () => {
    const { tool, door } = held('none')
    const limits = { ...defaultLimits, maxRequestsInFlight: 1 }
    const admission = createAdmission(limits, keepingLog())
    const send = admitting(testApp(database, { tools: [tool], readItem: environment.readItem, admission }), admission)
    const client = orsClient(async (path, init) => send(new Request(`http://localhost${path}`, init)))
    const sid = await client.begin(first)
    const body = JSON.stringify({ name: 'held', input: {} })
    const headers = { 'x-session-id': sid }
    const response = await send(new Request('http://localhost/ors/call', { method: 'POST', headers, body }))
    const reader = response.body?.getReader()
    await reader?.read()
    const second = reader?.read()
    await door.reached
    expect([admission.inFlight, (await client.post('/ping', {}, sid)).status]).toEqual([1, 503])
    const cancelled = reader?.cancel()
    expect(admission.inFlight).toBe(1)
    door.open()
    await Promise.all([second, cancelled])
    await expect.poll(() => admission.inFlight).toBe(0)
    expect((await client.post('/ping', {}, sid)).status).toBe(200)
  })

  it('leaves a replica that stops for another one', async () => {
    const { tool, door } = held('none')
    const stopping = new AbortController()
    const [one, other] = [await replica({ tools: [tool], stopping: stopping.signal }), await replica({ tools: [tool] })]
    const sid = await one.begin(first)
    const streamed = one.stream('/call', { name: 'held', input: {} }, sid)
    await door.reached
    // As a stopping server says it: an answer that has begun takes no further header field.
    const reason = new RequestError(503, 'server_stopping', 'the server is stopping; try again', {
      retryAfterSeconds: 2,
    })
    stopping.abort(reason)
    const events = await streamed
    expect(events).toEqual([['task_id', expect.any(String)]])
    door.open()
    expect((await other.call(sid, 'held', {}, events[0]?.[1])).result.ok).toBe(true)
  })
})
