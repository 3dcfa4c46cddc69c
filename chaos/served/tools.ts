import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { behave, input } from './behaviour.ts'
import { defineTool } from './environment.ts'

const counted = z.object({ rows: z.coerce.number() })
const numbered = z.object({ number: z.coerce.number() })

/** One tool for each kind of effects; the harness counts their actual effects. */
export const tools = [
  defineTool({
    name: 'look',
    description: 'Only reads.',
    input,
    effects: 'none',
    async run({ db, readState, task, ...context }) {
      let rows = task.rows
      const output = await behave(context, async () => {
        await readState()
        rows = counted.parse((await db.execute(sql`select count(*) as rows from chaos_rows`))[0]).rows
      })
      return rows === task.rows ? output : `saw ${rows} rows of ${task.rows}`
    },
  }),
  defineTool({
    name: 'write',
    description: 'Writes a row.',
    input,
    effects: 'database',
    run({ tx, state, callId, ...context }) {
      return behave(context, async (nonce) => {
        await tx.execute(
          sql`insert into chaos_writes (number, call_id, nonce) values (scorekeeper_rollout(), ${callId}, ${nonce})`,
        )
        await tx.execute(sql`update chaos_rows set touched = touched + 1 where n = 1`)
        state.wrote += 1
      })
    },
  }),
  defineTool({
    name: 'act',
    description: 'Acts outside.',
    input,
    effects: 'external',
    async run({ db, settings, callId, execution, updateState, ...context }) {
      const [row] = await db.execute(sql`select scorekeeper_rollout() as number`)
      const { number } = numbered.parse(row)
      updateState((state) => {
        state.acted += 1
      })
      return await behave({ ...context, execution }, async (nonce) => {
        const body = JSON.stringify({ number, callId, execution, nonce })
        await fetch(settings.EFFECTS_URL, { method: 'POST', body })
      })
    },
  }),
]
