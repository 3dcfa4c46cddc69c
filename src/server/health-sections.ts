import type { Sql } from 'postgres'
import { version } from '../base/version.ts'
import { retentionEverySeconds } from '../core/housekeeping.ts'
import { countText, durationShort, shareText } from '../dashboard/components/text.tsx'
import type { HealthFact, HealthSection } from '../dashboard/pages/health.tsx'
import type { Viewer } from '../dashboard/session.ts'
import { readDatabaseGauges } from '../ledger/reports/database-gauges.ts'
import { type OpenAttempts, readOpenAttempts } from '../ledger/reports/runs.ts'
import type { Deleted } from '../ledger/retention.ts'
import { readRefusals } from '../ledger/rollups/alarms.ts'
import { type Activity, readActivity, readProgress } from '../ledger/rollups/read.ts'
import { durationEdges, quantileOf } from '../ledger/rollups/stats.ts'
import type { PoolUsage } from '../postgres/database.ts'
import type { ServerDatabase } from '../postgres/open-database.ts'
import type { Config } from './config/config.ts'
import type { Admission } from './http/admission.ts'
import type { RecentRequests } from './metrics/recent-requests.ts'

/** What a turn of the retention deleted, and when it ended in milliseconds since 1970. */
export interface Deletion extends Deleted {
  readonly at: number
}

/** What {@link healthSections} reads beside the database. */
export interface HealthSources {
  readonly config: Pick<Config, 'retentionDays' | 'databaseUrl'>
  readonly database: Pick<ServerDatabase, 'where' | 'usage'>
  readonly admission: Pick<Admission, 'inFlight' | 'isOverloaded' | 'refused'>
  readonly recent: { read(): RecentRequests }
  /** The latest turn of this replica's retention. */
  readonly lastDeletion: Deletion | undefined
  /** Milliseconds since 1970; by default the real clock. */
  readonly now?: () => number
}

const hourMs = 3_600_000

/**
 * The state of this replica and of the database. A viewer whose key is bound to runs sees the calls and gradings of these
 * alone, and no number that other runs are part of.
 */
export async function healthSections(
  sql: Sql,
  { runs }: Pick<Viewer, 'runs'>,
  sources: HealthSources,
): Promise<readonly HealthSection[]> {
  const now = (sources.now ?? Date.now)()
  const [progress, activity, server] = await Promise.all([
    readProgress(sql),
    readActivity(sql, now - hourMs, runs),
    sql<{ server_version: string }[]>`show server_version`,
  ])
  const behind = progress === undefined ? undefined : Math.max(0, now - progress.graded_at)
  const kind = sources.config.databaseUrl === undefined ? 'embedded' : 'remote'
  const database: HealthSection = {
    title: 'Database',
    about: runs === undefined ? sources.database.where : '',
    facts: [
      { name: 'kind', value: kind },
      { name: 'Postgres', value: server[0]?.server_version.split(' ')[0] ?? '–' },
      {
        name: 'curves are behind by',
        value: behind === undefined ? 'not folded yet' : durationShort(behind),
        isBad: behind === undefined || behind > 120_000,
      },
    ],
  }
  const own = [processSection(now), activitySection(activity)]
  if (runs !== undefined) return [...own, database]
  const [gauges, open, refusals] = await Promise.all([
    readDatabaseGauges(sql),
    readOpenAttempts(sql, undefined, 1),
    readRefusals(sql, now - hourMs, now),
  ])
  const { recent, admission } = sources
  const expired = activity.codes['call lease_expired'] ?? 0
  const lapsed = gauges?.lapsed ?? 0
  return [
    ...own,
    requestSection(recent.read(), admission),
    poolSection(sources.database.usage()),
    {
      title: 'Leases',
      about: 'calls with external effects, all replicas',
      facts: [
        { name: 'running', value: countText((gauges?.running ?? 0) - lapsed) },
        { name: 'lease expired, not recorded yet', value: countText(lapsed), isBad: lapsed > 0 },
        { name: 'recorded as failed in the last hour', value: countText(expired), isBad: expired > 0 },
      ],
    },
    backlogSection(open, now),
    database,
    retentionSection(sources, now),
    {
      title: 'Refused',
      about: 'requests in the last hour, all replicas',
      facts:
        refusals.size === 0
          ? [{ name: 'requests', value: '0' }]
          : [...refusals].map(([code, count]) => ({ name: code, value: countText(count), isBad: true })),
    },
  ]
}

function processSection(now: number): HealthSection {
  return {
    title: 'This replica',
    about: '',
    facts: [
      { name: 'version', value: version },
      { name: 'Node', value: process.version },
      { name: 'up since', value: timeOf(now - process.uptime() * 1_000) },
      { name: 'memory', value: `${(process.memoryUsage.rss() / 1_048_576).toFixed(0)} MB` },
    ],
  }
}

function activitySection({ tools, graders }: Activity): HealthSection {
  const calls = Object.values(tools)
  const gradings = Object.values(graders)
  const sum = <One>(all: readonly One[], of: (one: One) => number) => all.reduce((total, one) => total + of(one), 0)
  const failedCalls = sum(calls, ({ failed }) => failed)
  const lost = sum(gradings, ({ failed }) => failed)
  const ungradable = sum(gradings, (one) => one.ungradable)
  return {
    title: 'Calls and gradings',
    about: 'in the last hour, all replicas',
    facts: [
      { name: 'calls ok', value: countText(sum(calls, ({ ok }) => ok)) },
      { name: 'calls refused', value: countText(sum(calls, ({ refused }) => refused)) },
      { name: 'calls failed', value: countText(failedCalls), isBad: failedCalls > 0 },
      ...latencies('calls', durationsOf(calls)),
      { name: 'gradings scored', value: countText(sum(gradings, ({ scored }) => scored)) },
      { name: 'gradings ungradable', value: countText(ungradable), isBad: ungradable > 0 },
      { name: 'gradings failed', value: countText(lost), isBad: lost > 0 },
      ...latencies('gradings', durationsOf(gradings)),
    ],
  }
}

const durationsOf = (all: readonly { readonly durations: readonly number[] }[]): readonly number[] =>
  Array.from({ length: durationEdges.length + 1 }, (_, at) =>
    all.reduce((sum, { durations }) => sum + (durations[at] ?? 0), 0),
  )

const latencies = (what: string, durations: readonly number[]): readonly HealthFact[] =>
  ([50, 95] as const).map((percent) => ({
    name: `${what} p${percent}`,
    value: durationShort(quantileOf(durationEdges, durations, percent / 100)),
  }))

function requestSection(
  { seconds, requests, statuses, p50, p95 }: RecentRequests,
  { inFlight, isOverloaded, refused }: HealthSources['admission'],
): HealthSection {
  const inMs = (value: number | undefined) => durationShort(value === undefined ? undefined : value * 1_000)
  const failed = statuses['5xx'] ?? 0
  return {
    title: 'Requests',
    about: `to this replica in the last ${durationShort(seconds * 1_000)}, without pages and probes`,
    facts: [
      { name: 'answered', value: countText(requests) },
      { name: 'a second', value: (seconds === 0 ? 0 : requests / seconds).toFixed(1) },
      { name: 'p50', value: inMs(p50) },
      { name: 'p95', value: inMs(p95) },
      { name: '2xx', value: countText(statuses['2xx'] ?? 0) },
      { name: '4xx', value: countText(statuses['4xx'] ?? 0) },
      {
        name: '5xx',
        value: requests === 0 ? '0' : `${countText(failed)} (${shareText(failed / requests)})`,
        isBad: failed > 0,
      },
      { name: 'in flight', value: countText(inFlight) },
      { name: 'turning requests away', value: isOverloaded ? `yes, ${countText(refused)}` : 'no', isBad: isOverloaded },
    ],
  }
}

function poolSection({ tools, ledger }: Readonly<Record<'tools' | 'ledger', PoolUsage>>): HealthSection {
  const facts = (what: string, { size, busy, waiting }: PoolUsage): readonly HealthFact[] => [
    { name: `${what}: in use`, value: `${busy} of ${size}` },
    { name: `${what}: waiting`, value: countText(waiting), isBad: waiting > 0 },
  ]
  return {
    title: 'Database connections',
    about: 'of this replica',
    facts: [...facts('tools and graders', tools), ...facts('ledger', ledger)],
  }
}

function backlogSection({ counts, oldest }: OpenAttempts, now: number): HealthSection {
  const [first] = oldest
  return {
    title: 'Rollouts that are not released',
    about: 'all replicas',
    facts: [
      { name: 'open', value: countText(counts.open) },
      { name: 'due', value: countText(counts.due) },
      { name: 'ending', value: countText(counts.ending) },
      { name: 'waiting for their release', value: countText(counts.waiting), isBad: counts.waiting > 0 },
      {
        name: 'age of the oldest',
        value: first === undefined ? '–' : durationShort(now - Date.parse(first.created_at)),
      },
    ],
  }
}

function retentionSection({ config, lastDeletion }: HealthSources, now: number): HealthSection {
  const { retentionDays: days } = config
  if (days === undefined) return { title: 'Retention', about: '', facts: [{ name: 'rollouts', value: 'all are kept' }] }
  const next = lastDeletion === undefined ? now : lastDeletion.at + retentionEverySeconds * 1_000
  return {
    title: 'Retention',
    about: 'by this replica',
    facts: [
      { name: 'rollouts are kept for', value: `${countText(days)} days` },
      { name: 'last run', value: lastDeletion === undefined ? 'not yet' : timeOf(lastDeletion.at) },
      { name: 'next run', value: next <= now ? 'now' : timeOf(next) },
      { name: 'rollouts deleted', value: lastDeletion === undefined ? '–' : countText(lastDeletion.rollouts) },
      { name: 'items deleted', value: lastDeletion === undefined ? '–' : countText(lastDeletion.items) },
    ],
  }
}

/** A time in UTC, to the minute. */
const timeOf = (at: number) => new Date(at).toISOString().slice(0, 16).replace('T', ' ')
