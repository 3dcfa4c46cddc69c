import type { Sql, TransactionSql } from 'postgres'
import { isAmong } from '../reports/condition.ts'
import { execute } from '../statement.ts'

/** A stored alarm. Times are milliseconds since 1970. */
export interface StoredAlarm {
  /** The run; empty for the server as a whole. */
  readonly run: string
  readonly name: string
  readonly level: 'warn' | 'page'
  readonly seen: string
  readonly since: number
  readonly updated_at: number
  /** Null while it lasts. */
  readonly ended_at: number | null
}

const ms = (name: string) => `(extract(epoch from ${name}) * 1000)::float8 as ${name}`
const columns = `run, name, level, seen, ${ms('since')}, ${ms('updated_at')}, ${ms('ended_at')}`

/** Whose alarms are read; by default all. */
export interface AlarmsWish {
  /** One run. */
  readonly run?: string | undefined
  /** Names and patterns of runs; then the alarms of the server as a whole, which tell of other runs, are left out. */
  readonly among?: readonly string[] | undefined
}

const valuesOf = ({ run, among }: AlarmsWish) => [run ?? null, among === undefined ? null : JSON.stringify(among)]
const isWanted = `($1::text is null or run = $1::text) and ($2::text is null or run <> '') and ${isAmong('run', '$2')}`

/** Reads the open alarms. */
export async function readOpenAlarms(
  sql: Sql | TransactionSql,
  wish: AlarmsWish = {},
): Promise<readonly StoredAlarm[]> {
  const text = `
    select ${columns} from rollup_alarms where ended_at is null and ${isWanted}
    order by level = 'page' desc, since desc limit 500`
  return await execute<StoredAlarm>(sql, { text, values: valuesOf(wish) })
}

/** Reads the latest alarms, those that ended included. */
export async function readAlarms(
  sql: Sql | TransactionSql,
  most: number,
  wish: AlarmsWish = {},
): Promise<readonly StoredAlarm[]> {
  const text = `
    select ${columns} from rollup_alarms where ${isWanted}
    order by coalesce(ended_at, 'infinity') desc, since desc limit $3::text::int`
  return await execute<StoredAlarm>(sql, { text, values: [...valuesOf(wish), String(most)] })
}

/** Stores alarms that begin, change or end. */
export async function writeAlarms(sql: Sql | TransactionSql, alarms: readonly StoredAlarm[]): Promise<void> {
  if (alarms.length === 0) return
  const at = (name: string) => `to_timestamp(${name} / 1000)`
  const text = `
    insert into rollup_alarms (run, name, level, seen, since, updated_at, ended_at)
    select run, name, level, seen, ${at('since')}, ${at('updated_at')}, ${at('ended_at')}
    from jsonb_to_recordset($1::text::jsonb)
      as i(run text, name text, level text, seen text, since float8, updated_at float8, ended_at float8)
    on conflict (run, name, since) do update set level = excluded.level, seen = excluded.seen,
      updated_at = excluded.updated_at, ended_at = excluded.ended_at`
  await execute(sql, { text, values: [JSON.stringify(alarms)] })
}

/** Adds to the counts of refused requests, by their codes, in the minute of a time in milliseconds. */
export async function addRefusals(
  sql: Sql | TransactionSql,
  at: number,
  counts: ReadonlyMap<string, number>,
): Promise<void> {
  const rows = [...counts].map(([code, count]) => ({ minute: Math.floor(at / 60_000), code, count }))
  const text = `
    insert into rollup_refusals as r (minute, code, count)
    select minute, code, count from jsonb_to_recordset($1::text::jsonb) as i(minute int8, code text, count int) order by code
    on conflict (minute, code) do update set count = r.count + excluded.count`
  await execute(sql, { text, values: [JSON.stringify(rows)] })
}

/** Requests that were refused, by code, between two times in milliseconds. */
export async function readRefusals(
  sql: Sql | TransactionSql,
  from: number,
  to: number,
): Promise<ReadonlyMap<string, number>> {
  const text = `
    select code, sum(count)::int as count from rollup_refusals where minute >= $1::text::int8 and minute <= $2::text::int8
    group by code order by count desc, code`
  const values = [from, to].map((at) => String(Math.floor(at / 60_000)))
  const rows = await execute<{ code: string; count: number }>(sql, { text, values })
  return new Map(rows.map(({ code, count }) => [code, count]))
}

const oldSums = `
  with old as (select now() - make_interval(days => $1::text::int) as until),
  minutes as (
    delete from rollups using old where kind = 'minute' and last_at < until
      and bucket < floor(extract(epoch from until) / 60) returning 1
  ),
  refused as (delete from rollup_refusals using old where minute < floor(extract(epoch from until) / 60) returning 1)
  select count(*)::int as deleted from minutes`

/** Deletes the sums by minute, and the counts of refused requests, of more than `days` ago. Bursts and visits are kept. */
export async function deleteOldMinutes(sql: Sql, days: number): Promise<number> {
  const [row] = await execute<{ deleted: number }>(sql, { text: oldSums, values: [String(days)] })
  return row?.deleted ?? 0
}
