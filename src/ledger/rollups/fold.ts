import { promisify } from 'node:util'
import { deflateRaw } from 'node:zlib'
import type { Sql, TransactionSql } from 'postgres'
import { readHorizon } from '../reports/exported-subjects.ts'
import { type Countable, type CountedCalls, countCalls } from './call-sums.ts'
import {
  type Cursor,
  forgetOpen,
  type GradingFact,
  keepOpen,
  lockCursor,
  moveCursor,
  type OpenFact,
  readBegins,
  readDue,
  readGradings,
  readOpening,
} from './facts.ts'
import {
  addScore,
  defaultBurstGapSeconds,
  type Group,
  type Place,
  type Placeable,
  placeBegins,
  placeRollouts,
  writeGroups,
  writeRunPlaces,
} from './places.ts'
import { createSums } from './sums.ts'
import type { Tally } from './tally.ts'

/** What one {@link foldTurn} did: `busy` if another replica folds, `more` if facts are left for the next turn. */
export type Folded = 'busy' | 'more' | 'done'

/** The options of {@link foldTurn}. */
export interface FoldOptions {
  /** How many rollouts and gradings a turn reads at most; default 1,000. */
  readonly size?: number
  /** How old a rollout is when its calls are counted before it is graded, in seconds; default 60. */
  readonly openSeconds?: number
  /** Rollouts of a run that begin at most this many seconds after one another are one burst; default 60. */
  readonly burstGapSeconds?: number
}

/** A transaction that has run for this long is not waited for: rollouts that it begins are missing from the sums. */
const longestTransactionMs = 900_000

/**
 * Adds what is new in the ledger to the sums by run, burst, visit and minute, in one transaction. Each rollout, grading and
 * call is counted once: the facts are read in order of time, up to the time before which nothing is recorded any more.
 * Replicas may call this at once; one works, and the others get `busy`.
 *
 * @throws Error if the role of `sql` cannot see when other transactions began, see {@link readHorizon}.
 */
export async function foldTurn(sql: Sql, options: FoldOptions = {}): Promise<Folded> {
  const { size = 1_000, openSeconds = 60, burstGapSeconds = defaultBurstGapSeconds } = options
  // Before the transaction, whose statements then see all that is recorded before it.
  const seen = await readHorizon(sql)
  const now = Date.now()
  const horizon = new Date(Math.max(Date.parse(seen), now - longestTransactionMs)).toISOString()
  const { result } = await sql.begin(async (tx) => {
    const cursor = await lockCursor(tx)
    if (cursor === undefined) return { result: 'busy' } as const
    const begins = await foldBegins(tx, cursor, horizon, { size, burstGapSeconds })
    const gradings = await foldGradings(tx, begins.cursor, size)
    const openUntil = earlier(begins.cursor.begun_at, new Date(Date.parse(horizon) - openSeconds * 1000).toISOString())
    const opening = await foldOpening(tx, gradings.cursor, openUntil, size, openSeconds)
    const due = await readDue(tx, size)
    await foldOpen(tx, due.facts, openSeconds)
    await moveCursor(tx, opening.cursor)
    const isFull = begins.isFull || gradings.isFull || opening.isFull || due.isFull
    return { result: isFull ? 'more' : 'done' } as const
  })
  return result
}

interface Moved {
  readonly cursor: Cursor
  readonly isFull: boolean
}

const textOf = (ms: number) => new Date(ms).toISOString()
// `-infinity` is before all timestamps in text too.
const earlier = (a: string, b: string) => (a < b ? a : b)
const later = (a: string, b: string) => (a > b ? a : b)

async function foldBegins(
  tx: TransactionSql,
  cursor: Cursor,
  horizon: string,
  { size, burstGapSeconds }: Required<Pick<FoldOptions, 'size' | 'burstGapSeconds'>>,
): Promise<Moved> {
  const { facts, isFull } = await readBegins(tx, cursor, horizon, size)
  const last = facts.at(-1)
  const reached = isFull && last !== undefined ? textOf(last.at) : textOf(Date.parse(horizon) - 1)
  const moved = { cursor: { ...cursor, begun_at: later(cursor.begun_at, reached) }, isFull }
  if (facts.length === 0) return moved
  const { placed, runs, groups } = await placeBegins(tx, facts, burstGapSeconds)
  const sums = createSums()
  for (const { fact, place, isNew } of placed) {
    for (const tally of [sums.at(fact.run, place, fact.at), sums.in(fact.run, fact.at)]) {
      tally.begin()
      if (isNew) tally.item(fact.item_hash)
    }
  }
  await sums.write(tx)
  await writeRunPlaces(tx, runs)
  await writeGroups(tx, groups)
  return moved
}

async function foldGradings(tx: TransactionSql, cursor: Cursor, size: number): Promise<Moved> {
  const { facts, isFull } = await readGradings(tx, cursor, cursor.begun_at, size)
  const last = facts.at(-1)
  const reached = isFull && last !== undefined ? textOf(last.at) : cursor.begun_at
  const moved = { cursor: { ...cursor, graded_at: later(cursor.graded_at, reached) }, isFull }
  if (facts.length === 0) return moved
  const placeOf = await placeRollouts(tx, facts)
  const firsts = facts.filter(({ before }) => before === null)
  const sums = createSums()
  // A graded rollout makes no further calls that count.
  const { exhausted } = await addCalls(tx, sums, firsts, placeOf, () => true)
  const ratios = await compressionOf(facts)
  const groups = new Set<Group>()
  for (const fact of facts) {
    const place = placeOf(fact)
    const inMinute = sums.in(fact.run, fact.at)
    inMinute.grading(fact)
    const isFirstScore = fact.outcome === 'scored' && fact.before !== 'scored'
    if (isFirstScore) {
      inMinute.outcome(null, 'scored')
      inMinute.score(fact, ratios.get(fact))
    }
    if (place === undefined) continue
    const tally = sums.at(fact.run, place, fact.begun_at)
    tally.grading(fact)
    if (fact.before !== 'scored') tally.outcome(fact.before, fact.outcome)
    if (isFirstScore) tally.score(fact, ratios.get(fact))
    if (isFirstScore && fact.score !== null && place.group !== undefined) {
      tally.groups(addScore(place.group, fact.score))
      groups.add(place.group)
    }
    if (fact.before !== null) continue
    for (const each of [tally, inMinute]) each.calls(fact.calls, exhausted.has(fact.number))
  }
  await sums.write(tx)
  await writeGroups(tx, groups)
  await forgetOpen(tx, firsts)
  return moved
}

async function foldOpening(
  tx: TransactionSql,
  cursor: Cursor,
  until: string,
  size: number,
  openSeconds: number,
): Promise<Moved> {
  if (until <= cursor.opened_at) return { cursor, isFull: false }
  const { facts, isFull } = await readOpening(tx, cursor, until, size)
  const last = facts.at(-1)
  await foldOpen(
    tx,
    facts.filter(({ graded }) => !graded),
    openSeconds,
  )
  return { cursor: { ...cursor, opened_at: isFull && last !== undefined ? textOf(last.begun_at) : until }, isFull }
}

/** Counts the calls of rollouts that are not graded, up to the first that still runs. */
async function foldOpen(tx: TransactionSql, facts: readonly OpenFact[], openSeconds: number): Promise<void> {
  if (facts.length === 0) return
  const open = facts.filter(({ graded }) => !graded)
  const placeOf = await placeRollouts(tx, open)
  const sums = createSums()
  const { reached } = await addCalls(tx, sums, open, placeOf, ({ ended }) => ended)
  const kept = facts.flatMap((fact) => {
    const { run, number: rollout, seq, begun_at, ended, graded } = fact
    const seconds = Math.min(600, Math.max(openSeconds, (Date.now() - begun_at) / 1000))
    // Its grading is counted soon, and its calls with it.
    if (graded) return [{ run, rollout, seq, seconds: openSeconds }]
    return ended ? [] : [{ run, rollout, seq: reached.get(rollout) ?? seq, seconds }]
  })
  await sums.write(tx)
  await forgetOpen(
    tx,
    facts.filter(({ ended }) => ended),
  )
  await keepOpen(tx, kept)
}

/** Adds the calls of rollouts whose place is known to the sums of that place and of the minutes in which they finished. */
async function addCalls<Fact extends Placeable & Pick<Countable, 'number' | 'seq'>>(
  tx: TransactionSql,
  sums: ReturnType<typeof createSums>,
  facts: readonly Fact[],
  placeOf: (fact: Fact) => Place | undefined,
  hasEnded: (fact: Fact) => boolean,
): Promise<Pick<CountedCalls, 'exhausted' | 'reached'>> {
  const places = new Map<Tally, { readonly place: number; readonly run: string }>()
  const countable = facts.flatMap((fact): Countable[] => {
    const { run, number, seq, begun_at } = fact
    const place = placeOf(fact)
    if (place === undefined) return []
    const tally = sums.at(run, place, begun_at)
    const known = places.get(tally) ?? { place: places.size, run }
    places.set(tally, known)
    return [{ run, number, seq, place: known.place, ended: hasEnded(fact) }]
  })
  const tallies = [...places].map(([tally, { run }]) => ({ tally, run }))
  const { sums: calls, exhausted, reached } = await countCalls(tx, countable)
  for (const sum of calls) {
    const at = tallies[sum.place]
    if (at === undefined) continue
    at.tally.called(sum)
    sums.in(at.run, sum.last)
    sums.in(at.run, sum.first).called(sum)
  }
  return { exhausted, reached }
}

/** Of how many answers a turn measures the compression, and how many characters an answer needs for it to mean anything. */
const mostCompressed = 100
const leastCompressed = 200

const compress = promisify(deflateRaw)

/** How many times smaller answers become when they are compressed; of a sample spread over all facts. */
async function compressionOf(facts: readonly GradingFact[]): Promise<ReadonlyMap<GradingFact, number>> {
  const long = facts.filter(({ answer, outcome }) => outcome === 'scored' && (answer?.length ?? 0) >= leastCompressed)
  const step = Math.max(1, Math.ceil(long.length / mostCompressed))
  const measured = long.filter((_, at) => at % step === 0)
  const ratios = await Promise.all(
    measured.map(async (fact) => {
      const bytes = Buffer.from(fact.answer ?? '')
      return [fact, bytes.length / (await compress(bytes)).length] as const
    }),
  )
  return new Map(ratios)
}
