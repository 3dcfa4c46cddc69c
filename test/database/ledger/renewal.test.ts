import { expect, it } from 'vitest'
import { renewClaims } from '../../../src/ledger/calls/claims.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

it('renews claims without waiting for one that is being settled, and reports only lost claims as lost', async () => {
  const { sql } = database
  await sql`
    insert into tool_calls (run, rollout, call_id, seq, tool, arguments, outcome, output, claim, lease_until, started_at)
    select 'default', 1, claim, 1, 'act', '{}', 'running', '', claim, now(), now() from unnest('{busy,free,taken}'::text[]) claim`
  await sql`update tool_calls set claim = 'somebody else' where call_id = 'taken'`
  await sql.begin(async (settling) => {
    await settling`update tool_calls set outcome = 'ok' where call_id = 'busy'`
    expect(await renewClaims(sql, 'default', ['busy', 'free', 'taken'], 60)).toEqual(new Set(['busy', 'free']))
  })
  const renewed = await sql`select call_id from tool_calls where lease_until > now()`
  expect(renewed.map((row) => row['call_id'])).toEqual(['free'])
})
