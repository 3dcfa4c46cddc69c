import type { Sql } from 'postgres'
import type { Metrics, Reading } from '../../base/metrics.ts'
import { alarmKinds, kindOf } from '../../dashboard/alarms/alarm.ts'
import { type DatabaseGauges, readDatabaseGauges } from '../../ledger/reports/database-gauges.ts'
import { addRefusals, readOpenAlarms } from '../../ledger/rollups/alarms.ts'
import { type Progress, readProgress } from '../../ledger/rollups/read.ts'
import { createSandboxClosing, type SandboxCounts } from '../../ledger/sandbox-closing.ts'
import type { RefusalCounts } from './refusals.ts'

/** How often what was refused is stored, in milliseconds. */
const refusalsEveryMs = 10_000

/**
 * Adds what this replica refused to the counts of all replicas, from which alarms are computed. Returns the function that ends
 * it, which stores the rest.
 */
export function storeRefusals(refusals: RefusalCounts, sql: Sql): () => Promise<void> {
  const store = async () => {
    const counts = refusals.take()
    // Counted again if the database is unavailable.
    if (counts.size > 0) await addRefusals(sql, Date.now(), counts).catch(() => refusals.putBack(counts))
  }
  const timer = setInterval(() => void store(), refusalsEveryMs)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await store()
  }
}

interface WholeDatabase {
  readonly readAt: number
  readonly gauges: DatabaseGauges | undefined
  readonly progress: Progress | undefined
  readonly sandboxes: SandboxCounts
  /** How many alarms last, by kind and level. */
  readonly alarms: ReadonlyMap<string, number>
}

/** For how long a reading is shown, in milliseconds: longer than the folding replica takes for its turn and its pause. */
const shownForMs = 20_000

const levels = ['warn', 'page'] as const

/**
 * Adds gauges of the whole database. A replica has them while it folds, so that a sum over all replicas counts them once.
 * Returns the function that reads them.
 */
export function addDatabaseMetrics(metrics: Metrics, sql: Sql, now: () => number = Date.now): () => Promise<void> {
  let latest: WholeDatabase | undefined
  const gauge = (
    name: string,
    help: string,
    labels: readonly string[],
    read: (found: WholeDatabase) => Iterable<Reading>,
  ): void =>
    metrics.gauge(`scorekeeper_${name}`, help, labels, () =>
      latest !== undefined && now() - latest.readAt < shownForMs ? read(latest) : [],
    )
  const known = (value: number | undefined): Iterable<Reading> => (value === undefined ? [] : [[value]])

  gauge('alarms', 'Alarms that last, in all runs.', ['kind', 'level'], ({ alarms }) =>
    alarmKinds.flatMap((kind) => levels.map((level) => [alarms.get(`${kind} ${level}`) ?? 0, kind, level] as const)),
  )
  gauge('rollouts_open', 'Rollouts that are older than a minute and not graded.', [], ({ progress }) =>
    known(progress?.open),
  )
  gauge('rollups_behind_seconds', 'How far curves and alarms are behind the ledger.', [], ({ progress, readAt }) =>
    known(progress && Math.max(0, readAt - progress.graded_at) / 1_000),
  )
  gauge('claims', 'Calls with external effects that run.', ['lease'], ({ gauges }) =>
    gauges === undefined
      ? []
      : [
          [gauges.running - gauges.lapsed, 'valid'],
          [gauges.lapsed, 'expired'],
        ],
  )
  gauge('database_connections', 'Connections of all replicas by what they do.', ['state'], ({ gauges }) =>
    Object.entries(gauges?.connections ?? {}).map(([state, count]) => [count, state] as const),
  )
  gauge('sandboxes', 'Sandboxes that may exist or are waited for, by status.', ['status'], ({ sandboxes }) => {
    const { waitSeconds: _, ...byStatus } = sandboxes
    return Object.entries(byStatus).map(([status, count]) => [count, status] as const)
  })
  gauge('sandbox_queue_seconds', 'How long the first request has waited for a sandbox.', [], ({ sandboxes }) => [
    [sandboxes.waitSeconds],
  ])
  const sandboxLedger = createSandboxClosing(sql)
  return async () => {
    // One after the other: the folding has one connection.
    const open = await readOpenAlarms(sql)
    const progress = await readProgress(sql)
    const gauges = await readDatabaseGauges(sql)
    const sandboxes = await sandboxLedger.counts()
    const alarms = new Map<string, number>()
    for (const { name, level } of open) {
      const key = `${kindOf(name)} ${level}`
      alarms.set(key, (alarms.get(key) ?? 0) + 1)
    }
    latest = { readAt: now(), gauges, progress, sandboxes, alarms }
  }
}
