import { setTimeout as sleep } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import type { Log } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { createAlarmWatch } from '../dashboard/alarms/watch.ts'
import { createDashboard, type DashboardDeps } from '../dashboard/dashboard.tsx'
import { startFolding } from '../dashboard/fold-loop.ts'
import type { Viewer } from '../dashboard/session.ts'
import type { Deleted } from '../ledger/retention.ts'
import { findSigningKey } from '../ledger/sessions.ts'
import { openDatabase } from '../postgres/database.ts'
import type { ServerDatabase } from '../postgres/open-database.ts'
import { createAuthenticator, isOpen } from './auth/authenticate.ts'
import { requireScope } from './auth/principal.ts'
import type { Config } from './config/config.ts'
import { type Deletion, healthSections } from './health-sections.ts'
import type { Admission } from './http/admission.ts'
import { addDatabaseMetrics, storeRefusals } from './metrics/database-metrics.ts'
import { createRecentRequests, type RequestTotals } from './metrics/recent-requests.ts'
import type { RefusalCounts } from './metrics/refusals.ts'
import { requestEdges } from './metrics/server-metrics.ts'

/** What {@link openDashboard} needs. */
export interface DashboardSettings {
  readonly config: Config
  readonly database: Pick<ServerDatabase, 'url' | 'where' | 'usage'>
  readonly log: Log
  readonly trusted: string | undefined
  readonly budget: number | undefined
  /** Whether the environment defines sandboxes. */
  readonly hasSandboxes: boolean
  readonly metrics: Metrics
  /** What this replica refused. */
  readonly refusals: RefusalCounts
  /** The requests to this replica. */
  readonly requestTotals: () => RequestTotals
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
  /** Is told what a turn of the retention deleted. */
  onDeleted(deleted: Deleted): void
  /** Ends the folding and closes the connections. */
  close(): Promise<void>
}

/** How long a statement of a page may take, and one of the folding, in seconds. */
const pageSeconds = 5
const foldSeconds = 60

/** How long a stop waits for a turn of the folding, in seconds, before it cuts it off. */
const closeSeconds = 2

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
  const endFolding = startFolding({ sql: folding.sql, log, burstGapSeconds: config.burstGapSeconds, onFolded })
  const endRefusals = storeRefusals(settings.refusals, folding.sql)
  const pages = config.dashboard ? open(3, pageSeconds) : undefined
  const authenticate = createAuthenticator(config.auth)
  const recent = createRecentRequests({ totals: settings.requestTotals, edges: requestEdges })
  let lastDeletion: Deletion | undefined

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
          health: (viewer) => healthSections(pages.sql, viewer, { ...settings, ...life, recent, lastDeletion }),
          isDraining: life.isDraining,
        })),
    onDeleted(deleted) {
      lastDeletion = { ...deleted, at: Date.now() }
    },
    async close() {
      recent.end()
      // A statement of the folding may go unanswered for a minute.
      const ended = Promise.allSettled([endRefusals(), endFolding()])
      await Promise.race([ended, sleep(closeSeconds * 1000, undefined, { ref: false })])
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
