import { sql as query } from 'drizzle-orm'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type LoggableError, loggable } from '../../../src/base/log.ts'
import { defineGrader, defineTool, gate, gradingOf, keepingLog, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

beforeAll(async () => {
  await database.sql`create table notes (note text, length int check (length < 3))`
})

const notes = pgTable('notes', { note: text('note'), length: integer('length') })
const answer = 'the-answer-that-nobody-may-read'

describe('the log line of a failure', () => {
  it('says what happened and where, without any data of the rows', async () => {
    const held = gate()
    const log = keepingLog()
    const tools = [
      defineTool({
        ...{ name: 'note', description: 'Notes.', input: z.object({ note: z.string() }) },
        effects: 'database',
        async run({ tx, input }) {
          await tx.insert(notes).values({ note: input.note, length: input.note.length })
          return 'noted'
        },
      }),
      defineTool({
        ...{ name: 'wait', description: 'Waits.', input: z.object({ note: z.string() }) },
        effects: 'database',
        async run({ tx }) {
          await tx.execute(query`select 1`)
          await held.pass()
          return answer
        },
      }),
    ]
    const graders = [
      defineGrader({
        ...{ name: 'noting', version: '1' },
        async grade({ db, reference }) {
          await db.insert(notes).values({ note: reference.answer, length: reference.answer.length })
          return 1
        },
      }),
    ]
    const app = testApp(database, { tools, graders, log })
    const item = { answer }
    expect((await post(app, '/tools/note', toolCall('note', 'broken', 'a', { note: answer }, item))).status).toBe(500)
    const waiting = post(app, '/tools/wait', toolCall('wait', 'lost', 'a', { note: answer }, item))
    await held.reached
    await database.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and state = 'idle in transaction'`
    held.open()
    expect((await waiting).status).toBe(503)
    expect((await post(app, '/grade', gradingOf('graded', 'x', item))).status).toBe(500)

    const causes = log.lines.flatMap(({ facts }) => ('cause' in facts ? [loggable(facts['cause'])] : []))
    expect(causes).toHaveLength(3)
    expect(JSON.stringify(causes)).not.toContain(answer)
    const failed = causes.find(({ message }) => message.startsWith('Failed query: insert into "notes"'))
    expect(failed).toMatchObject({ cause: { code: '23514' } })
    expect(failed?.stack).toMatch(/^\s+at /)
    expect(JSON.stringify(log.lines.map(({ facts: { cause: _, ...facts } }) => facts))).not.toContain(answer)
  })

  it('handles endless messages, several errors at once, and thrown values that are not errors', () => {
    const endless = new Error('again')
    endless.cause = endless
    const depth = ({ cause }: LoggableError): number => (cause === undefined ? 1 : 1 + depth(cause))
    expect(depth(loggable(endless))).toBe(5)
    const several = loggable(new AggregateError([new TypeError('one'), 'two'], 'both'))
    expect(several).toMatchObject({
      message: 'both',
      errors: [{ type: 'TypeError' }, { type: 'string', message: 'two' }],
    })
  })
})
