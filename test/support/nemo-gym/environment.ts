import { z } from 'zod'
import type { Database } from '../../../src/postgres/database.ts'
import { defineGrader, defineTool, type TestAppOptions, testApp } from '../app.ts'
import { clientOf, type Keeping } from './client.ts'

const search = defineTool({
  name: 'search',
  description: 'Looks up.',
  input: z.object({ q: z.string() }),
  effects: 'database',
  run: ({ input, task, state }) => `${state.notes.push(input.q)} hit for ${input.q}: ${task.question}`,
})
const broken = defineTool({
  name: 'broken',
  description: 'Fails.',
  input: z.object({}),
  effects: 'none',
  run: () => {
    throw new Error('the search engine is down')
  },
})
/** Ten for the right answer, and one for each call. */
export const graded = defineGrader({
  name: 'graded',
  version: '1',
  range: [0, 100],
  grade: ({ sample, reference, trajectory, state }) => {
    const right = sample.output_text === reference.answer ? 1 : 0
    const score = right * 10 + trajectory.length
    return { score, parts: { right, calls: trajectory.length, answer: 7, noted: state.notes.length } }
  },
})
const tools = [search, broken]

/** An app with a tool that searches, one that fails, and a grader; and a client of one rollout. */
export function start(
  database: Pick<Database, 'sql' | 'db'>,
  mount = '/nemo-gym',
  keeping: Keeping = 'latest',
  options: TestAppOptions = {},
) {
  const app = testApp(database, { tools, graders: [graded], ...options })
  return { app, client: clientOf((path, init) => app.request(`${mount}${path}`, init), keeping) }
}

/** The wire and the item of a rollout as the ledger has them. */
export async function recordOf({ sql }: Pick<Database, 'sql'>, rollout: string | null) {
  const [row] = await sql`
    select r.wire, i.content as item from rollouts r join items i on i.run = r.run and i.hash = r.item_hash
    where r.id = ${rollout}`
  return z.object({ wire: z.string(), item: z.record(z.string(), z.unknown()) }).parse(row)
}

/** The reward of a verification. */
export const rewardOf = (body: unknown) => z.object({ reward: z.number() }).parse(body).reward

/** The code of an error. */
export const codeOf = (body: unknown) => z.object({ error: z.object({ code: z.string() }) }).parse(body).error.code
