import type { TransactionSql } from 'postgres'
import { noItemHash } from '../attempt.ts'
import { execute } from '../statement.ts'
import type { BeginFact, RunSource } from './facts.ts'
import { solvedScore, unsolvedScore } from './stats.ts'
import type { GroupChange } from './tally.ts'

/** Rollouts of a run that begin at most this many seconds after one another are one burst, unless a server sets another gap. */
export const defaultBurstGapSeconds = 60

/** Rollouts of an item in one burst are one group, unless the item comes up again after so long. */
export const visitGapSeconds = 300

/** The rollouts of one item that began together. Times are milliseconds since 1970. */
export interface Group {
  readonly run: string
  readonly item_hash: string
  readonly visit: number
  readonly burst: number
  first_at: number
  last_at: number
  began: number
  scored: number
  sum: number
  squares: number
  least: number | null
  most: number | null
}

/** The latest burst of a run. */
export interface RunPlace extends RunSource {
  readonly burst: number
  readonly burst_first_at: number
  readonly burst_last_at: number
}

/** Where a rollout is counted. */
export interface Place {
  readonly burst: number
  /** Undefined for a rollout without an item. */
  readonly group: Group | undefined
}

const ms = (column: string) => `(extract(epoch from ${column}) * 1000)::float8 as ${column}`
const groupColumns = `run, item_hash, visit, burst, ${ms('first_at')}, ${ms('last_at')}, began, scored, sum, squares, least, most`

const groupKey = (run: string, itemHash: string) => `${run}/${itemHash}`

/** The bursts and groups of rollouts that begin. */
export interface BeginPlaces {
  /** The place of each fact, and whether its group is new. */
  readonly placed: readonly { readonly fact: BeginFact; readonly place: Place; readonly isNew: boolean }[]
  readonly runs: readonly RunPlace[]
  readonly groups: readonly Group[]
}

/** Finds which bursts and groups the rollouts join, and begins new ones. The facts must be in order of time. */
export async function placeBegins(
  tx: TransactionSql,
  facts: readonly BeginFact[],
  sources: readonly RunSource[],
  burstGapSeconds: number,
): Promise<BeginPlaces> {
  const before = await readRunPlaces(
    tx,
    sources.map(({ run }) => run),
  )
  const runs = new Map(before.map((row) => [row.run, row]))
  const latest = await readGroups(tx, facts)
  const changed = new Set<Group>()
  const placed = facts.map((fact) => {
    const { run, item_hash, count, first, last } = fact
    const known = runs.get(run)
    const isNewBurst = known === undefined || first - known.burst_last_at > burstGapSeconds * 1000
    const burst = (known?.burst ?? 0) + (isNewBurst ? 1 : 0)
    const burst_first_at = isNewBurst ? first : known.burst_first_at
    const burst_last_at = isNewBurst ? last : Math.max(known.burst_last_at, last)
    runs.set(run, { run, burst, burst_first_at, burst_last_at, wire: null, key_name: null })
    if (item_hash === noItemHash) return { fact, place: { burst, group: undefined }, isNew: false }
    const key = groupKey(run, item_hash)
    const earlier = latest.get(key)
    const isNew = earlier === undefined || earlier.burst !== burst || first - earlier.last_at > visitGapSeconds * 1000
    const group = isNew ? newGroup(fact, (earlier?.visit ?? 0) + 1, burst) : earlier
    group.began += count
    group.last_at = last
    latest.set(key, group)
    changed.add(group)
    return { fact, place: { burst, group }, isNew }
  })
  for (const source of sources) {
    const place = runs.get(source.run)
    if (place !== undefined) runs.set(source.run, { ...place, ...source })
  }
  return { placed, runs: [...runs.values()], groups: [...changed] }
}

const newGroup = ({ run, item_hash, first }: BeginFact, visit: number, burst: number): Group => ({
  run,
  item_hash,
  visit,
  burst,
  first_at: first,
  last_at: first,
  began: 0,
  scored: 0,
  sum: 0,
  squares: 0,
  least: null,
  most: null,
})

/** What is known of a rollout to find its place. */
export interface Placeable {
  readonly run: string
  readonly item_hash: string
  readonly begun_at: number
}

/** Finds the places of rollouts whose beginnings are counted; a rollout whose place is unknown has none. */
export async function placeRollouts<Fact extends Placeable>(
  tx: TransactionSql,
  facts: readonly Fact[],
): Promise<(fact: Fact) => Place | undefined> {
  if (facts.length === 0) return () => undefined
  const withItem = facts.filter(({ item_hash }) => item_hash !== noItemHash)
  const visits = await readVisits(tx, withItem)
  // The latest visit is the first one.
  const groupOf = ({ run, item_hash, begun_at }: Fact) =>
    visits.get(groupKey(run, item_hash))?.find(({ first_at }) => first_at <= begun_at)
  const bursts = await readBurstsAt(
    tx,
    facts.filter((fact) => groupOf(fact) === undefined),
  )
  return (fact) => {
    const group = groupOf(fact)
    const burst = group?.burst ?? bursts.get(`${fact.run}/${fact.begun_at}`)
    return burst === undefined ? undefined : { burst, group }
  }
}

/** Adds a score to a group, and says by how much the numbers of groups change. */
export function addScore(group: Group, score: number): GroupChange {
  const before = kindOf(group)
  group.scored += 1
  group.sum += score
  group.squares += score * score
  group.least = Math.min(group.least ?? score, score)
  group.most = Math.max(group.most ?? score, score)
  const after = kindOf(group)
  return {
    groups: after.groups - before.groups,
    flat: after.flat - before.flat,
    solved: after.solved - before.solved,
    unsolved: after.unsolved - before.unsolved,
  }
}

/** How a group counts: only one with two scores can have a spread. */
function kindOf({ scored, least, most }: Group): GroupChange {
  if (scored < 2 || least === null || most === null) return { groups: 0, flat: 0, solved: 0, unsolved: 0 }
  return {
    groups: 1,
    flat: most - least < 1e-9 ? 1 : 0,
    solved: least >= solvedScore ? 1 : 0,
    unsolved: most <= unsolvedScore ? 1 : 0,
  }
}

async function readRunPlaces(tx: TransactionSql, runs: readonly string[]): Promise<readonly RunPlace[]> {
  const text = `
    select run, burst, ${ms('burst_first_at')}, ${ms('burst_last_at')}, wire, key_name from rollup_runs
    where run in (select jsonb_array_elements_text($1::text::jsonb))`
  return await execute<RunPlace>(tx, { text, values: [JSON.stringify(runs)] })
}

async function readGroups(
  tx: TransactionSql,
  keys: readonly { readonly run: string; readonly item_hash: string }[],
): Promise<Map<string, Group>> {
  const distinct = new Map(keys.map(({ run, item_hash }) => [groupKey(run, item_hash), { run, item_hash }]))
  const text = `
    select g.* from jsonb_to_recordset($1::text::jsonb) as k(run text, item_hash text) cross join lateral (
      select ${groupColumns} from rollup_groups g where g.run = k.run and g.item_hash = k.item_hash
      order by g.visit desc limit 1
    ) g`
  const rows = await execute<Group>(tx, { text, values: [JSON.stringify([...distinct.values()])] })
  return new Map(rows.map((row) => [groupKey(row.run, row.item_hash), row]))
}

/** The visits of each item in the time in which these rollouts began, the latest first. */
async function readVisits(
  tx: TransactionSql,
  facts: readonly Placeable[],
): Promise<ReadonlyMap<string, readonly Group[]>> {
  const keys = new Map<string, { run: string; item_hash: string; first: number; last: number }>()
  for (const { run, item_hash, begun_at } of facts) {
    const key = groupKey(run, item_hash)
    const known = keys.get(key) ?? { run, item_hash, first: begun_at, last: begun_at }
    keys.set(key, { ...known, first: Math.min(known.first, begun_at), last: Math.max(known.last, begun_at) })
  }
  const text = `
    select g.* from jsonb_to_recordset($1::text::jsonb) as k(run text, item_hash text, first float8, last float8)
    cross join lateral (
      select ${groupColumns} from rollup_groups g
      where g.run = k.run and g.item_hash = k.item_hash and g.first_at <= to_timestamp(k.last / 1000)
        and g.visit >= coalesce((select b.visit from rollup_groups b where b.run = k.run and b.item_hash = k.item_hash
          and b.first_at <= to_timestamp(k.first / 1000) order by b.visit desc limit 1), 0)
      offset 0
    ) g
    order by g.visit desc`
  const rows = await execute<Group>(tx, { text, values: [JSON.stringify([...keys.values()])] })
  const visits = new Map<string, Group[]>()
  for (const row of rows) {
    const key = groupKey(row.run, row.item_hash)
    visits.set(key, [...(visits.get(key) ?? []), row])
  }
  return visits
}

async function readBurstsAt(tx: TransactionSql, facts: readonly Placeable[]): Promise<ReadonlyMap<string, number>> {
  if (facts.length === 0) return new Map()
  const keys = new Map(
    facts.map(({ run, begun_at }) => {
      const key = `${run}/${begun_at}`
      return [key, { key, run, at: new Date(begun_at) }]
    }),
  )
  const text = `
    select k.key, b.bucket::float8 as burst from jsonb_to_recordset($1::text::jsonb) as k(key text, run text, at timestamptz)
    cross join lateral (
      select bucket from rollups b where b.run = k.run and b.kind = 'burst' and b.first_at <= k.at
      order by b.bucket desc limit 1
    ) b`
  const rows = await execute<{ key: string; burst: number }>(tx, { text, values: [JSON.stringify([...keys.values()])] })
  return new Map(rows.map(({ key, burst }) => [key, burst]))
}

/** Stores the latest bursts of runs. */
export async function writeRunPlaces(tx: TransactionSql, runs: readonly RunPlace[]): Promise<void> {
  const text = `
    insert into rollup_runs (run, burst, burst_first_at, burst_last_at, wire, key_name)
    select run, burst, to_timestamp(burst_first_at / 1000), to_timestamp(burst_last_at / 1000), wire, key_name
    from jsonb_to_recordset($1::text::jsonb)
      as i(run text, burst int, burst_first_at float8, burst_last_at float8, wire text, key_name text)
    on conflict (run) do update set burst = excluded.burst, burst_first_at = excluded.burst_first_at,
      burst_last_at = excluded.burst_last_at, wire = coalesce(excluded.wire, rollup_runs.wire),
      key_name = coalesce(excluded.key_name, rollup_runs.key_name)`
  await execute(tx, { text, values: [JSON.stringify(runs)] })
}

/** Stores groups. */
export async function writeGroups(tx: TransactionSql, groups: Iterable<Group>): Promise<void> {
  const text = `
    insert into rollup_groups as g (run, item_hash, visit, burst, first_at, last_at, began, scored, sum, squares, least, most)
    select run, item_hash, visit, burst, to_timestamp(first_at / 1000), to_timestamp(last_at / 1000), began, scored, sum,
      squares, least, most
    from jsonb_to_recordset($1::text::jsonb) as i(run text, item_hash text, visit int, burst int, first_at float8,
      last_at float8, began int, scored int, sum float8, squares float8, least float8, most float8)
    on conflict (run, item_hash, visit) do update set last_at = excluded.last_at, began = excluded.began,
      scored = excluded.scored, sum = excluded.sum, squares = excluded.squares, least = excluded.least, most = excluded.most`
  await execute(tx, { text, values: [JSON.stringify([...groups])] })
}
