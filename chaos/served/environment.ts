import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'
import type { BeginContext, Db, EndContext, RolloutRef } from '../../src/kit/environment.ts'

/** How many rows each attempt begins with, unless its item says otherwise. */
export const seededRows = 20

/** Records one execution of a hook, with what it found of the attempt's rows. */
async function logHook(db: Pick<Db, 'execute'>, hook: 'begin' | 'end', { run, id, attempt, number }: RolloutRef) {
  await db.execute(sql`
    insert into chaos_hooks (hook, run, id, attempt, number, seeds, rows)
    select ${hook}::text, ${run}::text, ${id}::text, ${attempt}::int, ${number}::int8, count(distinct seed), count(*)
    from chaos_rows`)
}

const task = z.object({ question: z.string(), rows: z.number().default(seededRows), boxed: z.boolean().default(false) })
const settings = z.object({ EFFECTS_URL: z.string().default('').describe('where the tool act has its effects') })
type Settings = z.output<typeof settings>

async function begin({ tx, rollout, task: { rows } }: BeginContext<z.output<typeof task>, unknown, Settings>) {
  await tx.execute(
    sql`insert into chaos_rows (seed, n) select ${randomUUID()}::text, n from generate_series(1, ${rows}::int) as n`,
  )
  await logHook(tx, 'begin', rollout)
}

/**
 * The environment of the replicas: a state that counts the tools' effects, a budget of ten calls, and rows of each attempt,
 * which its beginning seeds. A seed that is unique to each execution of `begin` shows rows that were seeded twice.
 */
export const spec = {
  task,
  reference: z.object({ answer: z.string() }),
  state: z.object({ wrote: z.number().default(0), acted: z.number().default(0) }),
  settings,
  budget: { calls: 10 },
  submit: {
    name: 'submit',
    input: z.object({ answer: z.string() }),
    sample: ({ answer }: { readonly answer: string }) => answer,
  },
  begin,
  end: ({ db, rollout }: EndContext<Settings>) => logHook(db, 'end', rollout),
}

/** See {@link spec}. */
export const environment = defineEnvironment(spec)

export const { defineTool, defineGrader } = environment
