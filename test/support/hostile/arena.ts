import type { Hono } from 'hono'
import { z } from 'zod'
import type { Grader } from '../../../src/kit/define-grader.ts'
import type { Tool } from '../../../src/kit/define-tool.ts'
import { ToolError } from '../../../src/kit/errors.ts'
import { grades, items, rollouts, toolCalls } from '../../../src/ledger/tables.ts'
import { type Database, openDatabase } from '../../../src/postgres/database.ts'
import { graders } from '../../environment/graders/index.ts'
import { tools } from '../../environment/tools/index.ts'
import { defineGrader, defineTool, keepingLog, testApp } from '../app.ts'
import { createTestDatabase } from '../database.ts'

const anything = z.looseObject({})
const shortened = (input: unknown) => JSON.stringify(input).slice(0, 20_000)

/** A tool of each kind that returns its input, and its number of calls if it keeps a state. */
const given = [
  defineTool({
    name: 'reads',
    description: 'Returns its input.',
    input: anything,
    effects: 'none',
    run({ input, task }) {
      if ('refuse' in input) throw new ToolError(`no ${shortened(input)}`)
      return `${shortened(input)} ${task.question}`
    },
  }),
  defineTool({
    name: 'writes',
    description: 'Notes its input.',
    input: anything,
    effects: 'database',
    run: ({ input, state }) => `${state.notes.push(shortened(input))} ${shortened(input)}`,
  }),
  defineTool({
    name: 'acts',
    description: 'Notes its input, later.',
    input: anything,
    effects: 'external',
    run({ input, updateState }) {
      updateState((state) => void state.notes.push(shortened(input)))
      return shortened(input)
    },
  }),
]

const counts = defineGrader({
  name: 'counts',
  version: '1',
  range: [0, Number.MAX_SAFE_INTEGER],
  grade: ({ sample, trajectory, state }) => ({
    score: trajectory.length,
    parts: { notes: state.notes.length, [sample.output_text]: 1 },
    reason: sample.output_text,
  }),
})

/** An open database; `drop` closes and removes it. */
export type ArenaDatabase = Database & { readonly url: string; drop(): Promise<void> }

/** What an arena serves in addition to its own tools and grader. */
export interface ArenaOptions {
  readonly home?: ArenaDatabase
  readonly tools?: readonly Tool[]
  readonly graders?: readonly Grader[]
}

async function createHome(): Promise<ArenaDatabase> {
  const { url, drop } = await createTestDatabase()
  const database = openDatabase({ url, poolSize: 2 })
  return {
    ...database,
    url,
    async drop() {
      await database.close()
      await drop()
    },
  }
}

/** A database, and the servers on it; they serve the test environment unless another one is given. */
export async function openArena(options: ArenaOptions = {}) {
  const home = options.home ?? (await createHome())
  const served = { tools: options.tools ?? tools, graders: options.graders ?? graders }
  const opened: Database[] = []
  const log = keepingLog()
  return {
    home,
    log,
    /** One more server with pools of its own and nothing in its memory. */
    replica(): Hono {
      const database = openDatabase({ url: home.url, poolSize: 3 })
      opened.push(database)
      return testApp(database, {
        tools: [...given, ...served.tools],
        graders: [counts, ...served.graders],
        log,
        budget: 30,
      })
    },
    async close() {
      for (const database of opened) await database.close()
      await home.drop()
    },
  }
}

/** Reads every row of the ledger, by drizzle and raw; throws when one cannot be read or the two differ. */
export async function readBack({ db, sql }: Pick<Database, 'db' | 'sql'>): Promise<number> {
  const read = await Promise.all([db.select().from(items), db.select().from(rollouts), db.select().from(toolCalls)])
  const graded = await db.select().from(grades)
  const raw = await Promise.all([
    sql<{ whole: unknown }[]>`select content as whole from items order by hash`,
    sql<{ whole: unknown }[]>`select state as whole from rollouts order by id`,
    sql<{ whole: unknown }[]>`select arguments as whole from ledger.calls order by rollout_id, call_id`,
    sql<{ whole: unknown }[]>`select sample as whole from ledger.gradings order by id`,
  ])
  const counts = [...read.map((rows) => rows.length), graded.length]
  const rawCounts = raw.map((rows) => rows.length)
  if (String(counts) !== String(rawCounts)) throw new Error(`drizzle read ${counts} rows and raw SQL ${rawCounts}`)
  return counts.reduce((sum, count) => sum + count, 0)
}
