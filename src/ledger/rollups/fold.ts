import { promisify } from 'node:util'
import { deflateRaw } from 'node:zlib'
import type { Sql, TransactionSql } from 'postgres'
import { readHorizon } from '../reports/exported-subjects.ts'
import { type CallSum, type Countable, countCalls } from './call-sums.ts'
import { type Cursor, type GradingFact, lockCursor, moveCursor, readBegins, readGradings } from './facts.ts'
import { countDue, countOpening, forgetOpen, type OpenCalls, type OpeningWish } from './open-calls.ts'
import {
  addScore,
  defaultBurstGapSeconds,
  type Group,
  type Place,
  placeBegins,
  placeRollouts,
  visitGapSeconds,
  writeGroups,
  writeRunPlaces,
} from './places.ts'
import { createSums, type SumPlace, type Sums } from './sums.ts'
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
    const sums = createSums()
    const gradings = await foldGradings(tx, sums, begins.cursor, size)
    const oldest = new Date(Date.parse(horizon) - openSeconds * 1000).toISOString()
    const opening = await foldOpening(tx, sums, gradings.cursor, {
      upTo: earlier(begins.cursor.begun_at, oldest),
      size,
      openSeconds,
    })
    const due = await countDue(tx, size, openSeconds)
    addOpenCalls(sums, due)
    await sums.write(tx)
    await moveCursor(tx, opening.cursor)
    const isFull = begins.isFull || gradings.isFull || opening.isFull || due.count >= size
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
  const gaps = { burst: burstGapSeconds, visit: visitGapSeconds }
  const { facts, sources, count, last } = await readBegins(tx, cursor, horizon, size, gaps)
  const isFull = count >= size
  const reached = isFull && last !== null ? textOf(last) : textOf(Date.parse(horizon) - 1)
  const moved = { cursor: { ...cursor, begun_at: later(cursor.begun_at, reached) }, isFull }
  if (count === 0) return moved
  const { placed, runs, groups } = await placeBegins(tx, facts, sources, burstGapSeconds)
  const sums = createSums()
  for (const { fact, place, isNew } of placed) {
    const { run, item_hash, first, last } = fact
    const at = sumPlace(place)
    sums.at(run, at, last)
    sums.in(run, last)
    for (const tally of [sums.at(run, at, first), sums.in(run, first)]) {
      tally.begin(fact.count)
      if (isNew) tally.item(item_hash)
    }
  }
  // What follows finds the places of rollouts by what is written here.
  await sums.write(tx)
  await writeRunPlaces(tx, runs)
  await writeGroups(tx, groups)
  return moved
}

const sumPlace = ({ burst, group }: Place): SumPlace => ({ burst, visit: group?.visit ?? null })

async function foldGradings(tx: TransactionSql, sums: Sums, cursor: Cursor, size: number): Promise<Moved> {
  const { facts, isFull } = await readGradings(tx, cursor, cursor.begun_at, size)
  const last = facts.at(-1)
  const reached = isFull && last !== undefined ? textOf(last.at) : cursor.begun_at
  const moved = { cursor: { ...cursor, graded_at: later(cursor.graded_at, reached) }, isFull }
  if (facts.length === 0) return moved
  const placeOf = await placeRollouts(tx, facts)
  const firsts = facts.filter(({ before }) => before === null)
  const exhausted = await addGradedCalls(tx, sums, firsts, placeOf)
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
    const tally = sums.at(fact.run, sumPlace(place), fact.begun_at)
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
  await writeGroups(tx, groups)
  await forgetOpen(
    tx,
    firsts.filter(({ is_open }) => is_open),
  )
  return moved
}

async function foldOpening(
  tx: TransactionSql,
  sums: Sums,
  cursor: Cursor,
  wish: Pick<OpeningWish, 'upTo' | 'size' | 'openSeconds'>,
): Promise<Moved> {
  const { upTo, size } = wish
  if (upTo <= cursor.opened_at) return { cursor, isFull: false }
  const found = await countOpening(tx, { ...wish, after: cursor.opened_at, gradedUpTo: cursor.graded_at })
  addOpenCalls(sums, found)
  const isFull = found.count >= size
  return { cursor: { ...cursor, opened_at: isFull && found.last !== null ? textOf(found.last) : upTo }, isFull }
}

function addOpenCalls(sums: Sums, { sums: found }: OpenCalls): void {
  for (const sum of found) addCalls(sums, sum.run, sums.at(sum.run, sum, sum.begun), sum)
}

/** Adds calls to the sums of their place and of the minute in which they finished. */
function addCalls(sums: Sums, run: string, tally: Tally, sum: CallSum): void {
  tally.called(sum)
  sums.in(run, sum.last)
  sums.in(run, sum.first).called(sum)
}

/** Adds the calls of rollouts that are graded for the first time; gives those whose budget was used up. */
async function addGradedCalls(
  tx: TransactionSql,
  sums: Sums,
  facts: readonly GradingFact[],
  placeOf: (fact: GradingFact) => Place | undefined,
): Promise<ReadonlySet<number>> {
  const places = new Map<Tally, number>()
  const runs: string[] = []
  const countable = facts.flatMap((fact): Countable[] => {
    const { run, number, seq, begun_at } = fact
    const at = placeOf(fact)
    if (at === undefined) return []
    const tally = sums.at(run, sumPlace(at), begun_at)
    const place = places.get(tally) ?? runs.push(run) - 1
    places.set(tally, place)
    return [{ number, seq, place }]
  })
  const tallies = [...places.keys()]
  const exhausted = new Set<number>()
  for (const sum of await countCalls(tx, countable, runs)) {
    for (const number of sum.exhausted ?? []) exhausted.add(number)
    const [run, tally] = [runs[sum.place], tallies[sum.place]]
    if (run !== undefined && tally !== undefined) addCalls(sums, run, tally, sum)
  }
  return exhausted
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
