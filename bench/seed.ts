import type { Sql } from 'postgres'
import { contentHash } from '../src/base/json.ts'
import { callsOfRollout, itemOf, itemsOfDataset } from './requests.ts'

/** Which rollouts to record. */
export interface Seeding {
  /** Part of the rollout ids, see `seededId`. */
  readonly seed: string
  /** The number of the first one. */
  readonly from: number
  readonly count: number
  /** How many days ago the first of them began, and the one after the last; now when left out. */
  readonly days?: readonly [first: number, last: number]
}

// With seven digits, so long that the rows fill their pages: calls under load would otherwise be put into what is left of
// them, another old page for each, and the log would show that instead of the indexes.
const output = 'Net revenue was 5,735 in 2015 and 5,829 in 2014; the change is explained below. '

/** Stores the items of the dataset as the ledger does. */
export async function seedItems(sql: Sql): Promise<void> {
  const items = Array.from({ length: itemsOfDataset }, (_, n): unknown => JSON.parse(itemOf(n)))
  const rows = JSON.stringify(items.map((content) => ({ hash: contentHash(content), content })))
  await sql`
    insert into items (run, hash, content)
    select 'default', hash, content from jsonb_to_recordset(${rows}::text::jsonb) as i(hash text, content jsonb)
    on conflict do nothing`
}

/**
 * Records rollouts of ten calls as the ledger would, with one statement per table. The n-th uses the n-th item of the
 * dataset, cyclically.
 */
export async function seedRollouts(sql: Sql, { seed, from, count, days = [0, 0] }: Seeding): Promise<void> {
  const hashes = Array.from({ length: itemsOfDataset }, (_, n) => contentHash(JSON.parse(itemOf(n))))
  const [first, last] = days
  await sql.begin(async (tx) => {
    // The data is generated: a crash may lose it.
    await tx`set local synchronous_commit = off`
    await tx`insert into runs (name) values ('default') on conflict do nothing`
    // Those that began long ago have ended, and are released.
    await tx`
      insert into rollouts (run, id, item_hash, calls, created_at, due_at, ended_at, released_at, outcome)
      select 'default', 'trace_' || md5(${`${seed}:`}::text || n),
        ${JSON.stringify(hashes)}::text::jsonb ->> (n % ${itemsOfDataset}::int), ${callsOfRollout}::int,
        began, began + interval '1 hour', ended, ended, case when ended is not null then 'abandoned' end
      from generate_series(${from}::int, ${from + count - 1}::int) as n
        cross join lateral (select now() - make_interval(secs => 86400 * (${first}::float8
          + (${last}::float8 - ${first}::float8) * (n - ${from}::int) / ${count}::int)) as began) b
        cross join lateral (select case when began < now() - interval '1 hour' then began + interval '1 hour' end as ended) e`
    await tx`
      insert into tool_calls (run, rollout, call_id, seq, tool, arguments, outcome, output, started_at, finished_at)
      select run, number, 'call_' || seq, seq, 'none', '{"query":"net revenue 2015"}', 'ok', ${output}::text || lpad(n::text, 7, '0'),
        created_at, created_at
      from generate_series(${from}::int, ${from + count - 1}::int) as n
        join rollouts on run = 'default' and id = 'trace_' || md5(${`${seed}:`}::text || n),
        generate_series(1, ${callsOfRollout}::int) as seq`
  })
}
