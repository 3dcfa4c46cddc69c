import { decodeJwt } from 'jose'
import type { Sql } from 'postgres'
import type { Log } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { version } from '../base/version.ts'
import { createAlarmWatch } from '../dashboard/alarms/watch.ts'
import { createDashboard, type DashboardDeps } from '../dashboard/dashboard.tsx'
import { startFolding } from '../dashboard/fold-loop.ts'
import type { HealthSection } from '../dashboard/pages/others.tsx'
import type { Viewer } from '../dashboard/session.ts'
import { readOpenAttempts } from '../ledger/reports/runs.ts'
import { readRefusals } from '../ledger/rollups/alarms.ts'
import { readProgress } from '../ledger/rollups/read.ts'
import { findSigningKey } from '../ledger/sessions.ts'
import { openDatabase } from '../postgres/database.ts'
import type { ServerDatabase } from '../postgres/open-database.ts'
import type { Admission } from './admission.ts'
import { createAuthenticator, isOpen } from './auth/authenticate.ts'
import { requireScope } from './auth/principal.ts'
import type { Config } from './config.ts'
import { addDatabaseMetrics, storeRefusals } from './metrics/database-metrics.ts'
import type { RefusalCounts } from './metrics/refusals.ts'

/** What {@link openDashboard} needs. */
export interface DashboardSettings {
  readonly config: Config
  readonly database: Pick<ServerDatabase, 'url' | 'where'>
  readonly log: Log
  readonly trusted: string | undefined
  readonly budget: number | undefined
  readonly metrics: Metrics
  /** What this replica refused. */
  readonly refusals: RefusalCounts
}

/** The state of the process that the dashboard shows. */
export interface DashboardLife {
  readonly admission: Admission
  readonly isDraining: () => boolean
}

/** The dashboard and the folding of the sums. */
export interface OpenDashboard {
  /** Makes the pages; undefined if they are turned off. */
  readonly pagesWith:
    | ((gradeAgain: DashboardDeps['gradeAgain']) => (life: DashboardLife) => ReturnType<typeof createDashboard>)
    | undefined
  /** Ends the folding and closes the connections. */
  close(): Promise<void>
}

/** How long a statement of a page may take, and one of the folding, in seconds. */
const pageSeconds = 5
const foldSeconds = 60

/** Begins to fold, and prepares the pages. Both have connections of their own. */
export function openDashboard(settings: DashboardSettings): OpenDashboard {
  const { config, database, log } = settings
  const { url } = database
  const { prepare } = config
  const open = (poolSize: number, seconds: number) =>
    openDatabase({ url, poolSize, prepare, name: 'scorekeeper dashboard', silence: { sql: seconds, db: seconds } })
  const folding = open(1, foldSeconds)
  const { alarmWebhook, publicUrl } = config
  const webhook = alarmWebhook && { ...alarmWebhook, publicUrl }
  const watch = createAlarmWatch({ sql: folding.sql, log, trusted: settings.trusted, webhook })
  const readGauges = addDatabaseMetrics(settings.metrics, folding.sql)
  const onFolded = async () => {
    await watch()
    await readGauges()
  }
  const endFolding = startFolding({ sql: folding.sql, log, onFolded })
  const endRefusals = storeRefusals(settings.refusals, folding.sql)
  const pages = config.dashboard ? open(3, pageSeconds) : undefined
  const authenticate = createAuthenticator(config.auth)

  const identify = async (key: string): Promise<Viewer> => {
    const principal = await authenticate(new Headers({ authorization: `Bearer ${key.trim()}` }))
    requireScope(principal, 'read')
    const { subject, runs, scopes } = principal
    return { name: subject, runs, seesReference: scopes.has('grade') }
  }
  return {
    pagesWith:
      pages &&
      ((gradeAgain) => (life) =>
        createDashboard({
          ...settings,
          gradeAgain,
          sql: pages.sql,
          identify,
          endsAt: endOfToken,
          isOpen: isOpen(config.auth),
          signingKey: () => findSigningKey(pages.sql, 'dashboard'),
          keys: config.auth.keys.map(({ sha256 }) => sha256),
          health: () => healthOf(pages.sql, settings, life),
          isDraining: life.isDraining,
        })),
    async close() {
      await endRefusals()
      await endFolding()
      await Promise.all([folding.close(), pages?.close()])
    },
  }
}

/** When a token ends, in seconds since 1970; undefined for a key. */
function endOfToken(token: string): number | undefined {
  try {
    return decodeJwt(token.trim()).exp
  } catch {
    return undefined
  }
}

async function healthOf(
  sql: Sql,
  { config, database }: DashboardSettings,
  { admission }: DashboardLife,
): Promise<readonly HealthSection[]> {
  const now = Date.now()
  const [progress, open, refusals] = await Promise.all([
    readProgress(sql),
    readOpenAttempts(sql, undefined, 1),
    readRefusals(sql, now - 3_600_000, now),
  ])
  const behind = progress === undefined ? undefined : Math.max(0, now - progress.graded_at) / 1_000
  const { counts, oldest } = open
  const memory = process.memoryUsage().rss / 1_048_576
  return [
    {
      title: 'This replica',
      facts: [
        { name: 'version', value: version },
        { name: 'node', value: process.version },
        {
          name: 'up since',
          value: new Date(now - process.uptime() * 1_000).toISOString().slice(0, 16).replace('T', ' '),
        },
        { name: 'memory', value: `${memory.toFixed(0)} MB` },
        { name: 'requests in flight', value: String(admission.inFlight) },
        { name: 'turning requests away', value: admission.isOverloaded ? 'yes' : 'no', isBad: admission.isOverloaded },
      ],
    },
    {
      title: 'Database',
      facts: [
        { name: 'where', value: database.where },
        {
          name: 'retention',
          value: config.retentionDays === undefined ? 'keeps everything' : `${config.retentionDays} days`,
        },
        {
          name: 'sums are behind by',
          value: behind === undefined ? 'not folded yet' : `${behind.toFixed(0)} s`,
          isBad: behind === undefined || behind > 120,
        },
      ],
    },
    {
      title: 'Rollouts that are not released',
      facts: [
        { name: 'open', value: String(counts.open) },
        { name: 'due', value: String(counts.due) },
        { name: 'ending', value: String(counts.ending) },
        { name: 'waiting for their release', value: String(counts.waiting), isBad: counts.waiting > 0 },
        { name: 'the oldest began', value: oldest[0]?.created_at.slice(0, 16).replace('T', ' ') ?? '–' },
      ],
    },
    {
      title: 'Refused in the last hour',
      facts:
        refusals.size === 0
          ? [{ name: 'requests', value: '0' }]
          : [...refusals].map(([code, count]) => ({ name: code, value: String(count), isBad: true })),
    },
  ]
}
