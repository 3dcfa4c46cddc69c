import type { Sql } from 'postgres'
import { contentHash } from '../src/base/json.ts'
import { callsOfRollout, itemOf, itemsOfDataset } from './requests.ts'
import { seedItems, seedRollouts } from './seed.ts'

const atOnce = itemsOfDataset * 200

/** Final outputs, in turn: right, nearly right, right in other words, wrong, and empty. */
const outputs = ['94', '94.5', 'The answer is 94.0 million.', '12', '', '**Answer: 94**', '0.94', 'I do not know.']

/** One rollout in this many has a call that failed. */
const failedOneIn = 100

/**
 * Records rollouts of ten calls, each graded for a trainer by an earlier version of the grader, most with a score, some
 * failed. Gives the seconds it took.
 */
export async function fillGraded(sql: Sql, grader: string, rollouts: number): Promise<number> {
  const began = performance.now()
  await seedItems(sql)
  for (let from = 0; from < rollouts; from += atOnce) {
    const count = Math.min(atOnce, rollouts - from)
    await seedRollouts(sql, { seed: 'regrade', from, count })
    await seedGradings(sql, grader, from, count)
  }
  await sql`vacuum (analyze) tool_calls, rollouts, items, grades`
  return (performance.now() - began) / 1000
}

async function seedGradings(sql: Sql, grader: string, from: number, count: number): Promise<void> {
  const items = JSON.stringify(Array.from({ length: itemsOfDataset }, (_, n) => contentHash(JSON.parse(itemOf(n)))))
  const samples = JSON.stringify(
    outputs.map((output_text) => {
      const sample = { choices: [], output_text, output_tools: [] }
      return { sample, hash: contentHash(sample) }
    }),
  )
  await sql`
    insert into grades (run, rollout, grader, version, code_hash, source, sample_hash, sample, item_hash, outcome, score,
      parts, reason, code, duration_ms, created_at)
    select run, number, ${grader}::text, 'earlier', 'earlier', 'trainer', s ->> 'hash', s -> 'sample',
      ${items}::text::jsonb ->> (n % ${itemsOfDataset}::int), case when n % 50 = 3 then 'failed' else 'scored' end,
      case when n % 50 <> 3 then (n % 41) / 40.0 end,
      case when n % 50 <> 3 then jsonb_build_object('answer', (n % 3) / 2.0, 'efficiency', 0.2) end,
      'as it was graded then', case when n % 50 = 3 then 'grader_timed_out' end, 1, now()
    from generate_series(${from}::int, ${from + count - 1}::int) as n
    join rollouts on run = 'default' and id = 'trace_' || md5('regrade:' || n)
    cross join lateral (select ${samples}::text::jsonb -> ((n / 3) % ${outputs.length}::int) as s) chosen`
  await sql`
    update rollouts set graded_at = now() where run = 'default'
      and id in (select 'trace_' || md5('regrade:' || n)
        from generate_series(${from}::int, ${from + count - 1}::int) as n)`
  await sql`
    update tool_calls set outcome = 'failed' where run = 'default' and call_id = 'call_' || ${callsOfRollout}::int
      and rollout in (select number from rollouts where run = 'default' and id in (select 'trace_' || md5('regrade:' || n)
        from generate_series(${from}::int, ${from + count - 1}::int) as n where n % ${failedOneIn}::int = 7))`
}
