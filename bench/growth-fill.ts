import { Presets, SingleBar } from 'cli-progress'
import type { Sql } from 'postgres'
import { callsOfRollout, itemsOfDataset } from './requests.ts'
import { seedItems, seedRollouts } from './seed.ts'

const rolloutsAtOnce = itemsOfDataset * 200

/** The least age in days of the rollouts that retention deletes. */
export const oldDays = 30

/**
 * Records `calls` calls, `old` of them older than {@link oldDays}, and leaves the tables as a server that runs for weeks
 * has them: vacuumed and analyzed. Gives the seconds it took.
 */
export async function fill(sql: Sql, calls: number, old: number): Promise<number> {
  const began = performance.now()
  const rollouts = Math.ceil(calls / callsOfRollout)
  const oldRollouts = Math.floor(old / callsOfRollout)
  const format = 'recording  {bar} {percentage}% · {eta_formatted} left'
  const bar = new SingleBar(
    { format, stream: process.stderr, hideCursor: true, noTTYOutput: true, notTTYSchedule: 15_000 },
    Presets.shades_classic,
  )
  await seedItems(sql)
  bar.start(rollouts, 0)
  const part = async (from: number, end: number, days: (n: number) => number) => {
    for (let at = from; at < end; at += rolloutsAtOnce) {
      const count = Math.min(rolloutsAtOnce, end - at)
      await seedRollouts(sql, { seed: 'growth', from: at, count, days: [days(at), days(at + count)] })
      bar.update(at + count)
    }
  }
  await part(0, oldRollouts, (n) => oldDays + 10 - (9 * n) / oldRollouts)
  await part(oldRollouts, rollouts, (n) => (20 * (rollouts - n)) / (rollouts - oldRollouts))
  bar.stop()
  await sql`vacuum (analyze) tool_calls, rollouts, items`
  await sql`checkpoint`.catch(() => undefined) // Not every user may; then it comes by itself.
  return (performance.now() - began) / 1000
}

/** The sizes of the ledger's tables and indexes, one per line. */
export async function readSizes(sql: Sql): Promise<string[]> {
  const rows = await sql<{ name: string; kind: string; size: string }[]>`
    select c.relname as name, case when c.relkind = 'i' then 'index' else 'table' end as kind,
      pg_size_pretty(pg_relation_size(c.oid)) as size
    from pg_class c left join pg_index x on x.indexrelid = c.oid
    where coalesce(x.indrelid, c.oid) in ('tool_calls'::regclass, 'rollouts'::regclass, 'grades'::regclass)
    order by coalesce(x.indrelid, c.oid) desc, c.relkind desc, c.relname`
  return rows.map(({ name, kind, size }) => `${kind}  ${name.padEnd(36)}${size.padStart(10)}`)
}

/** The position of Postgres' write-ahead log, in bytes. */
export async function logPosition(sql: Sql): Promise<number> {
  const [row] = await sql<{ bytes: string }[]>`select pg_current_wal_lsn() - '0/0'::pg_lsn as bytes`
  return Number(row?.bytes)
}
