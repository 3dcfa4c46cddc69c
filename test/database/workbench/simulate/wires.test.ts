import type { AddressInfo } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ToolError } from '../../../../src/kit/errors.ts'
import { makeSubmit } from '../../../../src/kit/submit.ts'
import type { Agent, DatasetItem } from '../../../../src/workbench/simulate/agent.ts'
import {
  type TrainerWireName,
  trainerWireOf,
  trainerWires,
} from '../../../../src/workbench/simulate/clients/clients.ts'
import { type Fault, faults, faultsOf } from '../../../../src/workbench/simulate/deliver.ts'
import type { RolloutSettings } from '../../../../src/workbench/simulate/play-rollout.ts'
import { randomFrom } from '../../../../src/workbench/simulate/random.ts'
import { simulate } from '../../../../src/workbench/simulate/simulate.ts'
import { summarize } from '../../../../src/workbench/simulate/summary.ts'
import { count, emptyTally } from '../../../../src/workbench/simulate/tally.ts'
import type { RolloutTrace } from '../../../../src/workbench/simulate/trace.ts'
import { defineGrader, defineTool, environment, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()
let server: ServerType
let url: string

const echo = defineTool({
  name: 'echo',
  description: 'Says it again.',
  input: z.object({ text: z.string() }),
  effects: 'none',
  run: ({ input, task }) => `${input.text} of ${task.question}`,
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
/** Half of the score is the answer, the other half what the rollout's calls did, in order. */
const grader = defineGrader({
  name: 'g',
  version: '1',
  grade({ sample, reference, trajectory, state }) {
    const right = Number(sample.output_text === reference.answer)
    const noted = state.notes.join(' ') === 'a b' ? 0.3 : 0
    return { score: right / 2 + noted + trajectory.length / 100, parts: { right, calls: trajectory.length } }
  },
})
const submit = makeSubmit({
  name: 'submit',
  description: 'Submits the answer.',
  input: z.object({ answer: z.string() }),
  sample: ({ answer }) => answer,
})

beforeAll(async () => {
  const tools = [echo, note]
  const options = { tools, graders: [grader], budget: 10, readItem: environment.readItem, submit }
  const app = testApp(database, options)
  url = await new Promise((resolve) => {
    const listening = ({ port }: AddressInfo) => resolve(`http://127.0.0.1:${port}`)
    server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, listening)
  })
})

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve))
})

const items: DatasetItem[] = Array.from({ length: 3 }, (_, n) => ({
  messages: [{ role: 'user', content: `item ${n}` }],
  question: `item ${n}`,
  answer: `${n}`,
}))

/** Reads, notes, is refused once, repeats a call, and knows the answer to every other item. */
const busy: Agent = {
  name: 'busy',
  async play(context) {
    const read = await context.call('echo', { text: 'x' })
    if (!read.startsWith('x of item')) return `read ${read}`
    await context.callTogether([
      { tool: 'echo', arguments: { text: 'x' } },
      { tool: 'note', arguments: { text: 'a' } },
    ])
    if ((await context.call('note', { text: 'refuse' })) !== 'refused') return 'not refused'
    await context.call('note', { text: 'b' })
    return context.random() < 0.5 ? context.question.replace('item ', '') : 'no idea'
  },
}

async function play(name: TrainerWireName, run: string, wanted: readonly Fault[] = []): Promise<RolloutTrace[]> {
  const headers = { 'x-run': run }
  const settings: RolloutSettings = {
    ...{ headers, timeoutSeconds: 20, pauseMs: 5, maxSteps: 10, tools: [] },
    toolUrl: (tool) => `${url}/tools/${tool}`,
    graderUrl: `${url}/grade`,
    wire: await trainerWireOf(name, { url, headers }),
    fault: faultsOf(wanted, 0.5, randomFrom('faults')),
  }
  const plan = { agents: [busy], items, group: 6, itemsPerStep: 3, concurrency: 50, seed: 's', isDone: () => false }
  const traces: RolloutTrace[] = []
  await simulate(settings, plan, async (trace) => void traces.push(trace), new AbortController().signal)
  return traces
}

const rewardsOf = (traces: readonly RolloutTrace[]) =>
  Object.fromEntries(traces.map(({ item, member, reward, discarded }) => [`${item} ${member}`, discarded ?? reward]))

async function recorded(run: string) {
  const [row] = await database.sql`
    select (select count(*) from rollouts where run = ${run})::int as rollouts,
      (select count(*) from tool_calls where run = ${run})::int as calls,
      (select count(*) from grades where run = ${run})::int as gradings,
      (select sum(jsonb_array_length(state->'notes')) from rollouts where run = ${run})::int as noted,
      (select count(distinct item_hash) from rollouts where run = ${run})::int as items`
  return row
}

describe.each(trainerWires)('a simulation over %s', (name) => {
  it('has the rewards and the counts of Agent RFT', async () => {
    const plain = await play('agent-rft', `plain-${name}`)
    const traces = await play(name, `quiet-${name}`)
    expect(rewardsOf(traces)).toEqual(rewardsOf(plain))
    expect(traces.some(({ reward }) => reward !== null && reward > 0.8)).toBe(true)
    const counts = { rollouts: 18, calls: 90, gradings: 18, noted: 36, items: 3 }
    expect(await recorded(`quiet-${name}`)).toEqual(counts)
  })

  it('has them too when requests are repeated, cut off and read slowly', async () => {
    const quiet = await play(name, `still-${name}`)
    const traces = await play(name, `faulty-${name}`, faults)
    const tally = emptyTally()
    for (const trace of traces) count(tally, trace)
    const { retries, repeats, differences } = summarize(tally)
    // The client of verifiers repeats nothing, whatever happens.
    const isRepeated = name !== 'verifiers'
    expect([retries > 0, repeats > 0, differences]).toEqual([isRepeated, isRepeated, 0])
    expect(rewardsOf(traces)).toEqual(rewardsOf(quiet))
    expect(await recorded(`faulty-${name}`)).toMatchObject({ calls: 90, gradings: 18, noted: 36 })
  })
})
