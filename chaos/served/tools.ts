import { sql } from 'drizzle-orm'
import { behave, input } from './behaviour.ts'
import { defineTool } from './environment.ts'

const { EFFECTS_URL = '' } = process.env

/** One tool for each kind of effects; the harness counts their actual effects. */
export const tools = [
  defineTool({
    name: 'look',
    description: 'Only reads.',
    input,
    effects: 'none',
    run: (context) => behave(context, async () => void (await context.readState())),
  }),
  defineTool({
    name: 'write',
    description: 'Writes a row.',
    input,
    effects: 'database',
    run({ tx, state, rolloutId, callId, ...context }) {
      return behave(context, async (nonce) => {
        await tx.execute(sql`insert into chaos_writes values (${rolloutId}, ${callId}, ${nonce})`)
        state.wrote += 1
      })
    },
  }),
  defineTool({
    name: 'act',
    description: 'Acts outside.',
    input,
    effects: 'external',
    run({ rolloutId, callId, execution, updateState, ...context }) {
      updateState((state) => {
        state.acted += 1
      })
      return behave({ ...context, execution }, async (nonce) => {
        const body = JSON.stringify({ rolloutId, callId, execution, nonce })
        await fetch(EFFECTS_URL, { method: 'POST', body })
      })
    },
  }),
]
