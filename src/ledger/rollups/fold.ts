import { promisify } from 'node:util'
import { deflateRaw } from 'node:zlib'
import type { Sql, TransactionSql } from 'postgres'
import { readHorizon } from '../reports/exported-subjects.ts'
import {
  type CallFact,
  type Cursor,
  forgetOpen,
  type GradingFact,
  isOverBudget,
  keepOpen,
  lockCursor,
  moveCursor,
  type OpenFact,
  readBegins,
  readCalls,
  readDue,
  readGradings,
  readOpening,
} from './facts.ts'
import {
  addScore,
  defaultBurstGapSeconds,
  type Group,
  placeBegins,
  placeRollouts,
  writeGroups,
  writeRunPlaces,
} from './places.ts'
import { createSums } from './sums.ts'

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
  const calls = callsByRollout(await readCalls(tx, firsts))
  const ratios = await compressionOf(facts)
  const sums = createSums()
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
    const own = calls.get(fact.number) ?? []
    for (const tally of [sums.at(fact.run, place, fact.begun_at), inMinute]) {
      tally.calls(fact.calls, own.some(isOverBudget))
    }
    countCalls(own, tally, sums)
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
  const calls = callsByRollout(await readCalls(tx, open))
  const sums = createSums()
  const kept = facts.flatMap((fact) => {
    const { run, number: rollout, seq, begun_at, ended, graded } = fact
    const seconds = Math.min(600, Math.max(openSeconds, (Date.now() - begun_at) / 1000))
    // Its grading is counted soon, and its calls with it.
    if (graded) return [{ run, rollout, seq, seconds: openSeconds }]
    const all = calls.get(rollout) ?? []
    const running = all.findIndex(({ outcome }) => outcome === 'running')
    const own = ended || running === -1 ? all : all.slice(0, running)
    const place = placeOf(fact)
    if (place !== undefined) countCalls(own, sums.at(run, place, begun_at), sums)
    return ended ? [] : [{ run, rollout, seq: own.at(-1)?.seq ?? seq, seconds }]
  })
  await sums.write(tx)
  await forgetOpen(
    tx,
    facts.filter(({ ended }) => ended),
  )
  await keepOpen(tx, kept)
}

function countCalls(
  calls: readonly CallFact[],
  tally: ReturnType<ReturnType<typeof createSums>['at']>,
  sums: ReturnType<typeof createSums>,
): void {
  for (const call of calls) {
    if (call.outcome === 'running') continue
    tally.call(call)
    if (call.at !== null) sums.in(call.run, call.at).call(call)
  }
}

function callsByRollout(calls: readonly CallFact[]): ReadonlyMap<number, readonly CallFact[]> {
  const found = new Map<number, CallFact[]>()
  for (const call of calls) {
    const own = found.get(call.rollout)
    if (own === undefined) found.set(call.rollout, [call])
    else own.push(call)
  }
  return found
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
