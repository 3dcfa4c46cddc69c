import { sql as query } from 'drizzle-orm'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { insertCall, isOvertaken } from '../../../src/ledger/calls/transaction-statements.ts'
import { execute, sqlState } from '../../../src/ledger/statement.ts'
import { defineTool, gate, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()
const elsewhere = database.another()

it('the last call of the budget is not refused because a retry of it failed on another replica while it ran', async () => {
  const held = gate()
  const head = { description: 'Writes.', input: z.object({}), effects: 'database' } as const
  const read = defineTool({ ...head, name: 'read', effects: 'none', run: () => 'read' })
  const write = (run: () => string | Promise<string>) => defineTool({ ...head, name: 'write', run })
  const here = testApp(database, { tools: [read, write(() => held.pass().then(() => 'written'))] })
  const there = testApp(elsewhere, { tools: [read, write(() => 'written')], limits: { toolSeconds: 0.1 } })
  for (let n = 1; n <= 9; n += 1) await post(here, '/tools/read', toolCall('read', 'r', `call ${n}`))

  const last = toolCall('write', 'r', 'last')
  const running = post(here, '/tools/write', last)
  await held.reached
  // It waits for the lock, at most as long as the tool may run.
  expect((await post(there, '/tools/write', last)).status).toBeGreaterThanOrEqual(500)
  held.open()
  expect((await running).status).toBeGreaterThanOrEqual(500)

  const retried = await post(there, '/tools/write', last)
  expect([retried.status, retried.body.output]).toEqual([200, 'written'])
  const [row] = await database.sql`select seq, outcome, code from ledger.calls where call_id = 'last'`
  expect(row).toEqual({ seq: 10, outcome: 'ok', code: null })
  const past = await post(there, '/tools/write', toolCall('write', 'r', 'eleventh'))
  expect(past.body.output).toContain('the budget of 10 tool calls is used up')
})

it('a call that began as the last of the budget is rolled back and refused if another took its place while it ran', async () => {
  const held = gate()
  const head = { description: 'Writes.', input: z.object({}) }
  await database.sql`create table effects (call text)`
  const write = defineTool({
    ...head,
    name: 'write',
    effects: 'database',
    async run({ tx, callId }) {
      await tx.execute(query`insert into effects values (${callId})`)
      await held.pass()
      return 'written'
    },
  })
  const app = testApp(database, {
    tools: [write, defineTool({ ...head, name: 'read', effects: 'none', run: () => 'read' })],
  })
  const read = (n: number) => post(app, '/tools/read', toolCall('read', 'overtaken', `call ${n}`))
  for (let n = 1; n <= 9; n += 1) await read(n)
  const running = post(app, '/tools/write', toolCall('write', 'overtaken', 'overtaken'))
  await held.reached
  expect((await read(10)).body.output).toBe('read')
  held.open()
  const { status, body } = await running
  expect([status, body.output]).toEqual([200, expect.stringContaining('the budget of 10 tool calls is used up')])
  expect(await database.sql`select from effects`).toHaveLength(0)
  const rows = await database.sql`
    select seq, outcome from ledger.calls where rollout_id = 'overtaken' order by seq desc limit 2`
  expect([...rows]).toEqual([
    { seq: 11, outcome: 'refused' },
    { seq: 10, outcome: 'ok' },
  ])
})

it('a call past the budget is recognized by the SQLSTATE of its statement, in any server language', async () => {
  const call = { run: 'default', rolloutId: 'past', callId: 'a', tool: 't', arguments: {}, itemHash: 'hash', item: {} }
  const record = { ...call, outcome: 'ok', output: '', code: null, startedAt: new Date() } as const
  const error: unknown = await database.sql
    .begin((tx) =>
      execute(tx, insertCall(record, undefined, { number: undefined, attempt: 1, nth: 1, limit: 0, idleSeconds: 60 })),
    )
    .catch((error: unknown) => error)
  expect(error).toMatchObject({ code: '22012' })
  const inGerman = Object.assign(new Error('Division durch Null'), { code: sqlState(error) })
  expect(isOvertaken(inGerman)).toBe(true)
  expect(isOvertaken(new Error('division by zero'))).toBe(false)
  expect(await database.sql`select from rollouts where id = 'past'`).toHaveLength(0)
})
