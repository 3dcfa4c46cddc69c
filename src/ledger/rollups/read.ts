import type { Sql, TransactionSql } from 'postgres'
import { isAmong } from '../reports/condition.ts'
import { execute } from '../statement.ts'
import { noStats, type Stats, sumStats } from './stats.ts'
import type { BucketKind } from './sums.ts'

/** A run as the list of runs shows it. Times are milliseconds since 1970. */
export interface RunSums {
  readonly run: string
  readonly title: string | null
  readonly wire: string | null
  readonly key_name: string | null
  readonly bursts: number
  /** When its latest rollout began. */
  readonly last_at: number
  readonly total: Stats
  /** Its latest bursts, the earliest first, each with what its curve needs. */
  readonly recent: readonly RecentBurst[]
}

/** A burst of {@link RunSums}. */
export interface RecentBurst {
  readonly bucket: number
  readonly items: number
  readonly sketch: readonly string[]
  readonly scored: number
  readonly failed: number
  readonly ungradable: number
  readonly sum: number
  readonly parts: Stats['parts']
  readonly calls: Stats['calls']
}

const runSums = `
  select s.run, n.title, s.wire, s.key_name, s.burst as bursts, (extract(epoch from s.burst_last_at) * 1000)::float8 as last_at,
    t.stats as total, coalesce(b.recent, '[]') as recent
  from rollup_runs s join rollups t on t.run = s.run and t.kind = 'total' and t.bucket = 0
    left join runs n on n.name = s.run
    left join lateral (
      select jsonb_agg(jsonb_build_object('bucket', bucket, 'items', stats -> 'items', 'sketch', stats -> 'sketch',
        'scored', stats -> 'scored', 'failed', stats -> 'failed', 'ungradable', stats -> 'ungradable',
        'sum', stats -> 'score' -> 'sum', 'parts', stats -> 'parts', 'calls', stats -> 'calls') order by bucket) as recent
      from (select bucket, stats from rollups b where b.run = s.run and b.kind = 'burst' order by bucket desc limit 48) b
    ) b on true
  where ($1::text is null or s.burst_last_at < to_timestamp($1::text::float8 / 1000))
    and ($3::text is null or s.run = $3::text)
    and ${isAmong('s.run', '$4')}
  order by s.burst_last_at desc limit $2::text::int`

/** Selects runs, those that were used last first. */
export interface RunsPage {
  /** Only runs whose latest rollout began before this time. */
  readonly before?: number | undefined
  readonly most: number
  /** Names and patterns of the runs to show; default: all. */
  readonly among?: readonly string[] | undefined
  /** One run. */
  readonly run?: string | undefined
}

/** Reads the sums of runs. */
export async function readRunSums(sql: Sql, { before, most, among, run }: RunsPage): Promise<readonly RunSums[]> {
  const patterns = among === undefined ? null : JSON.stringify(among)
  const values = [before === undefined ? null : String(before), String(most), run ?? null, patterns]
  return await execute<RunSums>(sql, { text: runSums, values })
}

/** A bucket of a run. Times are milliseconds since 1970. */
export interface Bucket {
  readonly bucket: number
  readonly first_at: number
  readonly last_at: number
  readonly stats: Stats
}

/** The most buckets that are read: the latest ones. */
const mostBuckets = 2_000

/** Reads the latest buckets of a run, the earliest first. */
export async function readBuckets(
  sql: Sql | TransactionSql,
  run: string,
  kind: BucketKind,
  most = mostBuckets,
): Promise<readonly Bucket[]> {
  const text = `
    select * from (
      select bucket::float8 as bucket, (extract(epoch from first_at) * 1000)::float8 as first_at,
        (extract(epoch from last_at) * 1000)::float8 as last_at, stats
      from rollups where run = $1::text and kind = $2::text order by bucket desc limit $3::text::int
    ) latest order by bucket`
  return await execute<Bucket>(sql, { text, values: [run, kind, String(most)] })
}

/** The calls and gradings of several runs. */
export type Activity = Pick<Stats, 'tools' | 'graders' | 'codes'>

/** Reads the calls and gradings since a time in milliseconds, of the runs that the names and patterns choose; default: all. */
export async function readActivity(sql: Sql, since: number, among?: readonly string[]): Promise<Activity> {
  const text = `
    select m.stats -> 'tools' as tools, m.stats -> 'graders' as graders, m.stats -> 'codes' as codes
    from rollup_runs s join rollups m on m.run = s.run and m.kind = 'minute' and m.bucket >= $1::text::int8
    where ${isAmong('s.run', '$2')}`
  const patterns = among === undefined ? null : JSON.stringify(among)
  const values = [String(Math.floor(since / 60_000)), patterns]
  const found = await execute<Activity>(sql, { text, values })
  return sumStats(found.map((one) => ({ ...noStats, ...one })))
}

/** An item of a run, over all its groups. */
export interface ItemSums {
  readonly item_hash: string
  /** The item; null if it was deleted. */
  readonly content: unknown
  readonly visits: number
  readonly attempts: number
  readonly scored: number
  readonly mean: number | null
  readonly deviation: number | null
  readonly least: number | null
  readonly most: number | null
}

const itemOrders = {
  attempts: 'attempts desc',
  worst: 'mean asc nulls last',
  best: 'mean desc nulls last',
  spread: 'deviation desc nulls last',
} as const

/** How a list of items is sorted. */
export type ItemOrder = keyof typeof itemOrders

/** Reads the items of a run, in this order. */
export async function readItems(
  sql: Sql,
  run: string,
  { order, most, after }: { readonly order: ItemOrder; readonly most: number; readonly after: number },
): Promise<readonly ItemSums[]> {
  const text = `
    select s.*, i.content from (
      select item_hash, max(visit)::int as visits, sum(began)::int as attempts, sum(scored)::int as scored,
        sum(sum) / nullif(sum(scored), 0) as mean,
        sqrt(greatest(0, sum(squares) / nullif(sum(scored), 0) - (sum(sum) / nullif(sum(scored), 0)) ^ 2)) as deviation,
        min(least) as least, max(most) as most
      from rollup_groups where run = $1::text group by item_hash
      order by ${itemOrders[order]}, item_hash limit $2::text::int offset $3::text::int
    ) s left join items i on i.run = $1::text and i.hash = s.item_hash
    order by ${itemOrders[order]}, item_hash`
  return await execute<ItemSums>(sql, { text, values: [run, String(most), String(after)] })
}

/** How far the sums are behind the ledger: when the latest turn ended, and up to which time all is counted. */
export interface Progress {
  readonly folded_at: number
  readonly begun_at: number
  readonly graded_at: number
  /** Rollouts whose calls are counted while they run. */
  readonly open: number
}

/** Reads how far the sums are; undefined if nothing was folded yet. Times are milliseconds since 1970. */
export async function readProgress(sql: Sql | TransactionSql): Promise<Progress | undefined> {
  const ms = (name: string) =>
    `case when isfinite(${name}) then (extract(epoch from ${name}) * 1000)::float8 else 0 end as ${name}`
  const text = `
    select ${ms('folded_at')}, ${ms('begun_at')}, ${ms('graded_at')}, (select count(*)::int from rollup_open) as open
    from rollup_cursor`
  const [row] = await execute<Progress>(sql, { text, values: [] })
  return row
}
