import type { Sql } from 'postgres'
import type { SandboxStatus } from '../sandboxes.ts'
import { execute } from '../statement.ts'
import { isAmong } from './condition.ts'

/** A sandbox that may exist, as people look at it. */
export interface ReportedSandbox {
  readonly run: string
  /** The rollout's number, and the trainer's id; null if the rollout was deleted. */
  readonly number: number
  readonly rollout: string | null
  readonly name: string
  readonly generation: number
  readonly status: SandboxStatus
  readonly provider: string
  /** The only host from which it can be reached; null if that is any. */
  readonly host: string | null
  /** When it was asked for, and when it was opened; milliseconds since 1970. */
  readonly requested_at: number
  readonly opened_at: number | null
  /** How often closing it has failed. */
  readonly closings: number
  readonly cause: string | null
}

/** Failures of sandboxes by their cause. */
export interface SandboxFailures {
  readonly cause: string
  readonly count: number
  /** The latest one: when it was asked for, and its rollout. */
  readonly last_at: number
  readonly run: string
  readonly number: number
}

/** The sandboxes of some runs. */
export interface SandboxReport {
  /** How many may exist or are waited for, by status. */
  readonly counts: Readonly<Partial<Record<SandboxStatus, number>>>
  /** When the first in the queue was asked for; null if none waits. */
  readonly waiting_since: number | null
  /** Those of {@link counts}, the oldest first. */
  readonly sandboxes: readonly ReportedSandbox[]
  /** Failures of the last day, the most frequent first. */
  readonly failures: readonly SandboxFailures[]
}

const ms = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`

const counting = `
  select s.status, count(*)::int as count, ${ms('min(s.requested_at)')} as since
  from sandboxes s where s.closed_at is null and ${isAmong('s.run', '$1')} group by s.status`

const listing = `
  select s.run, s.rollout::float8 as number, r.id as rollout, s.name, s.generation, s.status, s.provider, s.host,
    ${ms('s.requested_at')} as requested_at, ${ms('s.opened_at')} as opened_at, s.closings, s.cause
  from sandboxes s left join rollouts r on r.run = s.run and r.number = s.rollout
  where s.closed_at is null and ${isAmong('s.run', '$1')} order by s.requested_at, s.run, s.rollout, s.name limit $2::text::int`

/** The statement's text. */
export const failingText = `
  select cause, count(*)::int as count, ${ms('max(requested_at)')} as last_at,
    (array_agg(run order by requested_at desc))[1] as run, (array_agg(rollout::float8 order by requested_at desc))[1] as number
  from sandboxes s
  where s.cause is not null and s.requested_at > now() - interval '1 day' and ${isAmong('s.run', '$1')}
  group by cause order by count desc, cause limit 30`

/** Reads the sandboxes of the runs that the names and patterns choose, by default of all; lists at most `most`. */
export async function readSandboxReport(
  sql: Sql,
  among: readonly string[] | undefined,
  most: number,
): Promise<SandboxReport> {
  const patterns = among === undefined ? null : JSON.stringify(among)
  const [counts, sandboxes, failures] = await Promise.all([
    execute<{ status: SandboxStatus; count: number; since: number }>(sql, { text: counting, values: [patterns] }),
    execute<ReportedSandbox>(sql, { text: listing, values: [patterns, String(most)] }),
    execute<SandboxFailures>(sql, { text: failingText, values: [patterns] }),
  ])
  return {
    counts: Object.fromEntries(counts.map(({ status, count }) => [status, count])),
    waiting_since: counts.find(({ status }) => status === 'requested')?.since ?? null,
    sandboxes,
    failures,
  }
}
