import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ToolError, UngradableError } from '../../../../src/kit/errors.ts'
import type { Agent, DatasetItem } from '../../../../src/workbench/simulate/agent.ts'
import { type Fault, faults, faultsOf } from '../../../../src/workbench/simulate/deliver.ts'
import type { RolloutSettings } from '../../../../src/workbench/simulate/play-rollout.ts'
import { randomFrom } from '../../../../src/workbench/simulate/random.ts'
import { type SimulationPlan, simulate } from '../../../../src/workbench/simulate/simulate.ts'
import { summarize } from '../../../../src/workbench/simulate/summary.ts'
import { count, emptyTally } from '../../../../src/workbench/simulate/tally.ts'
import type { RolloutTrace } from '../../../../src/workbench/simulate/trace.ts'
import { defineGrader, defineTool, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()
let server: ServerType
let url: string

const echo = defineTool({
  name: 'echo',
  description: 'Says it again.',
  input: z.object({ text: z.string() }),
  effects: 'none',
  run: ({ input }) => input.text,
})
const note = defineTool({
  name: 'note',
  description: 'Notes it.',
  input: z.object({ text: z.string() }),
  effects: 'database',
  run({ input, state }) {
    if (input.text === 'refuse') throw new ToolError('refused')
    state.notes.push(input.text)
    return `${state.notes.length} notes`
  },
})
const broken = defineTool({
  name: 'broken',
  description: 'Fails.',
  input: z.object({}),
  effects: 'none',
  run: () => Promise.reject(new Error('out of order')),
})
const grader = defineGrader({
  name: 'g',
  version: '1',
  grade({ sample, reference, trajectory }) {
    if (sample.output_text === 'away') throw new UngradableError(503, 'judge_away', 'away')
    const score = Number(sample.output_text === reference.answer)
    return { score: score * 0.5 + trajectory.length / 20, parts: { calls: trajectory.length } }
  },
})

beforeAll(async () => {
  const app = testApp(database, { tools: [echo, note, broken], graders: [grader], budget: 10 })
  url = await new Promise((resolve) => {
    const listening = ({ port }: AddressInfo) => resolve(`http://127.0.0.1:${port}`)
    server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, listening)
  })
})

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve))
})

const items: DatasetItem[] = Array.from({ length: 5 }, (_, n) => ({
  messages: [{ role: 'user', content: `item ${n}` }],
  question: `item ${n}`,
  answer: `${n}`,
}))

const settings = (wanted: readonly Fault[] = [], share = 0.3): RolloutSettings => ({
  ...{ headers: {}, timeoutSeconds: 20, pauseMs: 5, maxSteps: 10, tools: [] },
  toolUrl: (tool) => `${url}/tools/${tool}`,
  graderUrl: `${url}/graders/g`,
  fault: faultsOf(wanted, share, randomFrom('faults')),
})

/** Makes ten calls of two kinds in eight steps, some in parallel; knows the answer to every other item. */
const busy: Agent = {
  name: 'busy',
  async play(context) {
    for (let n = 0; n < 3; n += 1) await context.call('echo', { text: `${n}` })
    await context.callTogether(['a', 'b', 'c'].map((text) => ({ tool: 'note', arguments: { text } })))
    for (let n = 0; n < 4; n += 1) await context.call('note', { text: context.question })
    return context.random() < 0.5 ? context.question.replace('item ', '') : 'no idea'
  },
}
const idle: Agent = { name: 'idle', play: async ({ question }) => question.replace('item ', '') }

const plan = (rest: Partial<SimulationPlan> = {}): SimulationPlan => ({
  ...{ agents: [busy, idle], items, group: 4, itemsPerStep: 2, concurrency: 500, seed: 's', isDone: () => false },
  ...rest,
})

async function played(run: RolloutSettings, rest: Partial<SimulationPlan> = {}): Promise<RolloutTrace[]> {
  const traces: RolloutTrace[] = []
  await simulate(run, plan(rest), async (trace) => void traces.push(trace), new AbortController().signal)
  return traces
}

/** The ledger's records of these rollouts. */
async function recorded(traces: readonly RolloutTrace[]) {
  const ids = JSON.stringify(traces.map(({ rollout }) => rollout))
  const [row] = await database.sql`
    with mine as (
      select number from rollouts where id in (select jsonb_array_elements_text(${ids}::text::jsonb))
    )
    select (select count(*) from tool_calls where rollout in (select number from mine))::int as calls,
      (select count(*) from grades where rollout in (select number from mine))::int as gradings,
      (select avg(score) from grades where rollout in (select number from mine))::float as mean,
      (select count(*) from tool_calls
        where rollout in (select number from mine) and tool = 'note' and outcome = 'ok')::int as notes,
      (select sum(jsonb_array_length(state->'notes')) from rollouts where number in (select number from mine))::int
        as noted,
      (select coalesce(max(calls), 0) from rollouts where number in (select number from mine))::int as most`
  return row
}

const summaryOf = (traces: readonly RolloutTrace[]) => {
  const tally = emptyTally()
  for (const trace of traces) count(tally, trace)
  return summarize(tally)
}

describe('a simulation', () => {
  it('plays each item with each agent once per place in the group, and its counts match the ledger’s', async () => {
    const traces = await played(settings())
    const summary = summaryOf(traces)
    const { scored, discarded, calls, errors, retries, differences } = summary
    expect({ scored, discarded, calls, errors, retries, differences }).toEqual({
      ...{ scored: 40, discarded: 0, calls: 200, errors: {}, retries: 0, differences: 0 },
    })
    const ledger = await recorded(traces)
    expect(ledger).toMatchObject({ calls: 200, gradings: 40, notes: 140, noted: 140, most: 10 })
    expect(summary.reward.mean).toBeCloseTo(ledger?.['mean'], 9)
    const places = new Set(traces.map(({ agent, item, member }) => `${agent} ${item} ${member}`))
    expect(places.size).toBe(40)
  })

  it('has the same scores and counts with every fault, plus retries', async () => {
    const quiet = await played(settings())
    const traces = await played(settings(faults, 0.5))
    const { scored, calls, retries, repeats, differences } = summaryOf(traces)
    expect({ scored, calls, differences }).toEqual({ scored: 40, calls: 200, differences: 0 })
    expect(retries).toBeGreaterThan(0)
    expect(repeats).toBeGreaterThan(0)
    expect(await recorded(traces)).toMatchObject({ calls: 200, gradings: 40, notes: 140, noted: 140, most: 10 })
    const scores = (all: readonly RolloutTrace[]) =>
      Object.fromEntries(all.map(({ agent, item, member, reward }) => [`${agent} ${item} ${member}`, reward]))
    expect(scores(traces)).toEqual(scores(quiet))
  })

  it('starts all rollouts of a step together, and the next step when they have ended', async () => {
    let running = 0
    let most = 0
    let arrived = 0
    let open = () => {}
    const all = new Promise<void>((resolve) => {
      open = resolve
    })
    const waiting: Agent = {
      name: 'waiting',
      async play() {
        running += 1
        arrived += 1
        most = Math.max(most, running)
        if (arrived === 16) open()
        await all
        running -= 1
        return ''
      },
    }
    await played(settings(), { agents: [waiting], group: 8 })
    expect([arrived, most]).toEqual([40, 16])
  })

  it('limits the number of concurrent rollouts', async () => {
    let running = 0
    let most = 0
    const counting: Agent = {
      name: 'counting',
      async play(context) {
        running += 1
        most = Math.max(most, running)
        await context.call('echo', { text: 'x' })
        running -= 1
        return ''
      },
    }
    await played(settings(), { agents: [counting], concurrency: 3 })
    expect(most).toBe(3)
  })

  it('resumes: rollouts in the trace file are not played again', async () => {
    const traces = await played(settings(), {
      isDone: (agent, item, member) => agent === 'busy' || item < 3 || member > 0,
    })
    expect(traces.map(({ agent, item, member }) => [agent, item, member])).toEqual([
      ['idle', 3, 0],
      ['idle', 4, 0],
    ])
  })
})

describe('a simulated rollout', () => {
  const alone = { group: 1, items: items.slice(0, 1) }
  const agent = (play: Agent['play']): readonly Agent[] => [{ name: 'it', play }]

  it('is discarded, not scored 0, if a call is never answered, and is not graded', async () => {
    const agents = agent(async (context) => `got ${await context.call('broken', {})}`)
    const [trace] = await played(settings(), { ...alone, agents })
    expect(trace).toMatchObject({ outcome: 'discarded', reward: null, grading: null })
    expect(trace?.discarded).toBe('a call of "broken" was not answered: http_500')
    expect(trace?.calls).toMatchObject([{ tool: 'broken', attempts: 4, errors: Array(4).fill('http_500') }])
  })

  it('is discarded if its grading is never answered, or the agent fails', async () => {
    const [ungraded] = await played(settings(), { ...alone, agents: agent(async () => 'away') })
    expect(ungraded).toMatchObject({ reward: null, discarded: 'the grading was not answered: http_503' })
    const [lost] = await played(settings(), { ...alone, agents: agent(() => Promise.reject(new Error('no credit'))) })
    expect(lost).toMatchObject({ reward: null, discarded: 'the agent failed: no credit', grading: null })
  })

  it('gives the agent what a model would read: outputs, refusals, and the whole body of a 4xx without an output', async () => {
    const read: string[] = []
    const agents = agent(async (context) => {
      read.push(await context.call('echo', { text: 'said' }), await context.call('note', { text: 'refuse' }))
      read.push(await context.call('echo', 'not JSON'), await context.call('none', {}))
      return '0'
    })
    const [trace] = await played(settings(), { ...alone, agents })
    expect(read.slice(0, 2)).toEqual(['said', 'refused'])
    expect(read[2]).toMatch(/JSON/)
    expect(read[3]).toMatch(/none/)
    expect(trace).toMatchObject({ outcome: 'scored', steps: 4 })
  })

  it('ends when no steps are left, and is graded with an empty answer', async () => {
    const agents = agent(async (context) => {
      for (;;) await context.call('echo', { text: 'more' })
    })
    const [trace] = await played({ ...settings(), maxSteps: 4 }, { ...alone, agents })
    expect(trace).toMatchObject({ outcome: 'scored', output_text: '', steps: 4, reward: 0.2 })
  })

  it('stops when its signal aborts', async () => {
    const stopped = new AbortController()
    const agents = agent(async (context) => {
      stopped.abort(new Error('Ctrl-C'))
      return context.call('echo', { text: 'x' })
    })
    const traces: RolloutTrace[] = []
    const run = simulate(settings(), plan({ agents }), async (trace) => void traces.push(trace), stopped.signal)
    await expect(run).rejects.toThrow('Ctrl-C')
    expect(traces).toEqual([])
  })

  it('is discarded if the server is unreachable', async () => {
    const closed = createServer()
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
    const address = z.object({ port: z.number() }).parse(closed.address())
    await new Promise((resolve) => closed.close(resolve))
    const graderUrl = `http://127.0.0.1:${address.port}/`
    const [trace] = await played({ ...settings(), graderUrl }, { ...alone, agents: [idle] })
    expect(trace?.discarded).toBe('the grading was not answered: connection_lost')
  })
})
