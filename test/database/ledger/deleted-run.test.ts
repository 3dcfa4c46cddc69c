import { beforeEach, expect, it } from 'vitest'
import { z } from 'zod'
import { defineGrader, gradingOf, post, testApp, toolCall, toolWith } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()
const item = { question: 'kept?' }
const tools = (['none', 'database', 'external'] as const).map((effects) =>
  toolWith(effects, { name: effects, description: 'Says so.', input: z.object({}), run: () => 'done' }),
)
const graders = [defineGrader({ name: 'one', version: '1', grade: () => 1 })]
const call = (name: string) => ({ path: `/tools/${name}`, body: toolCall(name, `of ${name}`, 'a', {}, item) })
const uses = {
  none: call('none'),
  database: call('database'),
  external: call('external'),
  grading: { path: '/grade', body: gradingOf('graded', 'x', item) },
}

beforeEach(async () => {
  for (const table of ['items', 'rollouts', 'tool_calls', 'grades', 'runs'])
    await database.sql`delete from ${database.sql(table)}`
})

it.each([
  ['a call with effects none', uses.none, {}],
  ['a call with effects database', uses.database, {}],
  ['a call with effects external', uses.external, {}],
  ['a grading', uses.grading, {}],
  ['a rollout that begins', uses.none, { hooks: { begin: async () => {} } }],
])(
  'a run that is deleted while a replica remembers its items has them again with %s',
  async (_, { path, body }, hooks) => {
    const app = testApp(database, { tools, graders, ...hooks })
    const stored = () => database.sql`select run, content from items`
    await post(app, path, body)
    expect(await stored()).toEqual([{ run: 'default', content: item }])
    for (const table of ['items', 'rollouts', 'tool_calls', 'grades', 'runs'])
      await database.sql`delete from ${database.sql(table)}`
    expect((await post(app, path, body)).status).toBe(200)
    expect(await stored()).toEqual([{ run: 'default', content: item }])
  },
)
