import type { Sql, TransactionSql } from 'postgres'
import type { Log } from '../../base/log.ts'
import { readOpenAlarms, readRefusals, writeAlarms } from '../../ledger/rollups/alarms.ts'
import { type Bucket, readBuckets, readProgress } from '../../ledger/rollups/read.ts'
import { alone, readActiveRuns, readAnchorDrift } from '../../ledger/rollups/watched.ts'
import { countText, numberText } from '../components/text.tsx'
import { axisOf, pointsOf } from '../curves.ts'
import { titleOf } from './advice.ts'
import { judgeRun, nextAlarms, type Verdict, verdictOf } from './evaluate.ts'
import type { RunHistory } from './history.ts'
import { byThreshold, type Finding } from './rules.ts'
import { thresholds } from './thresholds.ts'
import { type AlarmChange, postAlarm, type WebhookSettings } from './webhook.ts'

/** What {@link createAlarmWatch} needs. */
export interface AlarmWatchSettings {
  readonly sql: Sql
  readonly log: Log
  readonly trusted: string | undefined
  readonly webhook: WebhookSettings | undefined
  /** How long to wait between two evaluations, in seconds; default 30. */
  readonly everySeconds?: number
  readonly now?: () => number
}

/** How many points of a run the rules look at, and how many of its first ones. */
const latestPoints = 80
const firstPoints = 5
const mostBuckets = 300

/** What is known of a run. */
export async function readHistory(
  sql: Sql | TransactionSql,
  run: string,
  trusted: string | undefined,
  now: number,
): Promise<RunHistory> {
  const bursts = await readBuckets(sql, run, 'burst', mostBuckets)
  const axis = axisOf(bursts, await readBuckets(sql, run, 'visit', 3))
  const buckets = axis === 'burst' ? bursts : await readBuckets(sql, run, axis, mostBuckets)
  // What just began has too few gradings to compare with.
  const points = pointsOf(axis, buckets.filter(isSettled(now)), Number.POSITIVE_INFINITY)
  const training = points.filter(({ isValidation }) => !isValidation)
  return {
    axis,
    training: training.slice(-latestPoints),
    validations: points.filter(({ isValidation }) => isValidation).slice(-latestPoints),
    minutes: pointsOf('minute', await readBuckets(sql, run, 'minute', thresholds.windowMinutes + 2)),
    first: training.slice(0, firstPoints),
    trusted,
    now,
  }
}

/** Whether most rollouts of a bucket have an outcome, or it is old enough that the others will not get one. */
const isSettled =
  (now: number) =>
  ({ stats: { began, scored, failed, ungradable }, last_at }: Bucket): boolean =>
    scored + failed + ungradable >= 0.8 * began || now - last_at > 600_000

/**
 * Creates the function that evaluates the rules of all runs that were used lately and of the server, on one replica at a time,
 * and stores, logs and posts what changed. A call before the time is over does nothing.
 */
export function createAlarmWatch(settings: AlarmWatchSettings): () => Promise<void> {
  const { sql, log, trusted, webhook, everySeconds = 30, now = Date.now } = settings
  let last = Number.NEGATIVE_INFINITY

  const evaluate = (at: number) =>
    alone(sql, async (tx): Promise<readonly AlarmChange[]> => {
      const open = await readOpenAlarms(tx)
      const active = await readActiveRuns(tx, at - (thresholds.silence.mostHours + 1) * 3_600_000)
      const runs = new Set([...active, ...open.flatMap(({ run }) => (run === '' ? [] : [run]))])
      const verdicts: Verdict[] = [...(await judgeServer(tx, at))]
      for (const run of runs) verdicts.push(...judgeRun(run, await readHistory(tx, run, trusted, at)))
      const { stored, said } = nextAlarms(open, verdicts, at)
      await writeAlarms(tx, stored)
      return said
    })

  return async () => {
    const at = now()
    if (at - last < everySeconds * 1_000) return
    last = at
    for (const change of (await evaluate(at)) ?? []) {
      say(log, change)
      if (webhook !== undefined) void postAlarm(webhook, change, log)
    }
  }
}

function say(log: Log, { what, alarm }: AlarmChange): void {
  const { run, name, level, seen } = alarm
  const facts = { code: 'alarm', alarm: name, state: what, ...(run !== '' && { run }) }
  if (what === 'ended') log.info(facts, `alarm is over: ${titleOf(name)}`)
  else log[level === 'page' ? 'error' : 'warn'](facts, `alarm: ${titleOf(name)}: ${seen}`)
}

/** What the rules of the server as a whole say. */
async function judgeServer(tx: TransactionSql, now: number): Promise<readonly Verdict[]> {
  const size = thresholds.windowMinutes * 60_000
  const [latest, earlier] = await Promise.all([
    readRefusals(tx, now - size, now),
    readRefusals(tx, now - size - 60_000, now - 60_000),
  ])
  const counted = (limits: typeof thresholds.refusedKeys | typeof thresholds.unfitItems, what: string) => {
    const find = (refusals: ReadonlyMap<string, number>): Finding => {
      const found = limits.codes.flatMap((code) =>
        refusals.has(code) ? [{ code, count: refusals.get(code) ?? 0 }] : [],
      )
      const all = found.reduce((sum, { count }) => sum + count, 0)
      const named = found.map(({ code, count }) => `${countText(count)} ${code}`).join(', ')
      return byThreshold(all, limits, `${countText(all)} requests in ten minutes ${what} (${named}).`)
    }
    return [find(latest), find(earlier)] as const
  }
  const [keys, items] = [
    counted(thresholds.refusedKeys, 'had a key that was refused'),
    counted(thresholds.unfitItems, 'had an item that does not fit'),
  ]
  const drift = await judgeDrift(tx)
  const behind = await judgeProgress(tx, now)
  return [
    verdictOf('', 'refused_keys', ...keys),
    verdictOf('', 'unfit_items', ...items),
    verdictOf('', 'behind', behind, behind),
    verdictOf(thresholds.judgeDrift.run, 'judge_drift', drift, drift),
  ]
}

async function judgeDrift(tx: TransactionSql): Promise<Finding> {
  const drift = await readAnchorDrift(tx, thresholds.judgeDrift.run)
  if (drift === undefined || drift.anchors < thresholds.judgeDrift.leastAnchors) return { state: 'no data' }
  const seen = `The scores of ${countText(drift.anchors)} anchors differ by ${numberText(drift.difference)} on average from those that were recorded.`
  return byThreshold(drift.difference, thresholds.judgeDrift, seen)
}

async function judgeProgress(tx: TransactionSql, now: number): Promise<Finding> {
  const progress = await readProgress(tx)
  if (progress === undefined) return { state: 'no data' }
  const minutes = (now - progress.graded_at) / 60_000
  return byThreshold(minutes, thresholds.behind, `Curves are ${Math.round(minutes)} minutes behind the ledger.`)
}
