import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { defineTool } from '../environment.ts'

/** The advisory lock that a call of `note` takes, so that a test can hold it up inside of its tool. */
export const noteLock = 4_711

/** Keeps a note in the rollout's state. */
export const note = defineTool({
  name: 'note',
  description: 'Keep a note for later in this task.',
  input: z.object({ text: z.string().max(2000).describe('The note') }),
  effects: 'database',
  async run({ input, state, tx }) {
    await tx.execute(sql`select pg_advisory_xact_lock_shared(${noteLock})`)
    return `note ${state.notes.push(input.text)} is kept`
  },
})
