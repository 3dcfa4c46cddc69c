import type { Sql, TransactionSql } from 'postgres'
import type { RolloutTable } from '../postgres/roles.ts'
import { lockKey, type RolloutKey } from './attempt.ts'
import { deleteRows } from './rollout-rows.ts'
import { execute } from './statement.ts'

/** How an attempt ended: after a grading, idle without one, or closed without one. */
export type EndOutcome = 'graded' | 'abandoned' | 'closed'

/** An attempt that has ended. */
export interface EndedAttempt extends RolloutKey {
  readonly number: number
  readonly attempt: number
  readonly outcome: EndOutcome
}

/** An ended attempt that a process releases: until when it is leased, which changes with each renewal. */
export interface LeasedAttempt extends EndedAttempt {
  /** Null if it holds nothing and is released already. */
  readonly lease: string | null
}

/** What identifies a lease: nobody else has leased the attempt since. */
export type EndLease = Pick<LeasedAttempt, 'run' | 'number' | 'lease'>

/** The attempts to end: those that are due, or those of a run or of one rollout, due or not. */
export type EndSelection =
  | 'due'
  | { readonly run: string; readonly rolloutId?: string | undefined; readonly number?: number | undefined }

/** A position after one attempt, in the order in which they began. */
export interface EndPosition {
  readonly at: string
  readonly run: string
  readonly number: number
}

/** How attempts are ended. */
export interface EndPage {
  /** Where the search begins; by default at the oldest attempt. */
  readonly after?: EndPosition | undefined
  /** The most attempts to look at, and the most to end. */
  readonly read: number
  readonly most: number
  /** How long the caller's lease lasts without renewal, in seconds; undefined: they hold nothing and are released. */
  readonly leaseSeconds: number | undefined
  /** An attempt without a grading is due so long after the end of its latest call, in seconds. */
  readonly idleSeconds: number
}

/** The result of {@link endAttempts}. */
export interface Ending {
  readonly ended: readonly LeasedAttempt[]
  /** How many should have ended, but are in use or are being released by another process. */
  readonly held: number
  /** Where the search continues; undefined at its end. */
  readonly next: EndPosition | undefined
}

interface Candidate extends EndPosition {
  readonly id: string
  readonly is_due: boolean
}

const columns = `
  select created_at::text as at, run, number::float8 as number, id, `

const dueText = `${columns}
    coalesce(lease_until < now(), true) and (ended_at is not null or due_at < now()) as is_due
  from rollouts
  where released_at is null and (created_at, run, number) > ($1::text::timestamptz, $2::text, $3::text::int8)
  order by created_at, run, number limit $4::text::int`

const namedText = `${columns} true as is_due
  from rollouts
  where released_at is null and run = $1::text and ($2::text is null or id = $2::text)
    and ($3::text is null or number = $3::text::int8) and number > $4::text::int8
  order by number limit $5::text::int`

// Locks that others hold are not waited for: a transaction takes the rollout's lock before the row's, and this would deadlock.
const freeText = `
  select r.run, r.number::float8 as number
  from jsonb_to_recordset($1::text::jsonb) as i(run text, id text, number int8)
  join rollouts r on r.run = i.run and r.number = i.number
  where pg_try_advisory_xact_lock(${lockKey('i.run', 'i.id')})
  for update of r skip locked`

const endingText = `
  update rollouts r
  set ended_at = coalesce(r.ended_at, now()),
    outcome = coalesce(r.outcome, case when r.graded_at is null then $2::text else 'graded' end),
    lease_until = now() + make_interval(secs => $3::text::float8),
    released_at = case when $3::text is null then now() end
  from jsonb_to_recordset($1::text::jsonb) as i(run text, number int8)
  where r.run = i.run and r.number = i.number and r.released_at is null and coalesce(r.lease_until < now(), true)
    and ($4::text is not null or r.ended_at is not null or r.due_at < now())
    and not exists (
      select from tool_calls t
      where t.run = r.run and t.rollout = r.number and (t.outcome = 'running'
        or r.graded_at is null and t.finished_at > now() - make_interval(secs => $5::text::float8)))
  returning r.run, r.id as "rolloutId", r.number::float8 as number, r.attempt, r.outcome, r.lease_until::text as lease`

/**
 * Ends attempts of a selection, and leases them to the caller, who releases what they hold; one whose lease has run out is
 * returned again. Skips an attempt that is in use: with a claimed call that runs, or whose rollout's lock a transaction holds.
 * No more calls join an attempt that has ended. May run concurrently with itself.
 */
export async function endAttempts(sql: Sql, selection: EndSelection, page: EndPage): Promise<Ending> {
  const { after, read, most, leaseSeconds, idleSeconds } = page
  const isDue = selection === 'due'
  const from = after ?? { at: '-infinity', run: '', number: 0 }
  const question = isDue
    ? { text: dueText, values: [from.at, from.run, String(from.number), String(read)] }
    : { text: namedText, values: [...keyOf(selection), String(from.number), String(read)] }
  const candidates = await execute<Candidate>(sql, question)
  const due = candidates.filter(({ is_due }) => is_due).slice(0, most)
  const isFull = due.length === most
  const last = isFull ? due.at(-1) : candidates.at(-1)
  const next = isFull || candidates.length === read ? last : undefined
  if (due.length === 0) return { ended: [], held: 0, next }
  const ended = await sql.begin(async (tx) => {
    const free = await execute<{ run: string; number: number }>(tx, { text: freeText, values: [JSON.stringify(due)] })
    const lease = leaseSeconds?.toString() ?? null
    const how = isDue ? ['abandoned', lease, null, String(idleSeconds)] : ['closed', lease, 'any', null]
    const values = [JSON.stringify(free), ...how]
    // A separate statement, so that it sees what was written before the locks were taken.
    return await execute<LeasedAttempt>(tx, { text: endingText, values })
  })
  return { ended, held: due.length - ended.length, next }
}

const keyOf = ({ run, rolloutId, number }: Exclude<EndSelection, 'due'>) => [
  run,
  rolloutId ?? null,
  number?.toString() ?? null,
]

const renewalText = `
  update rollouts r set lease_until = now() + make_interval(secs => $2::text::float8)
  from jsonb_to_recordset($1::text::jsonb) as i(run text, number int8, lease timestamptz)
  where r.run = i.run and r.number = i.number and r.released_at is null and r.lease_until = i.lease
  returning r.number::float8 as number, r.lease_until::text as lease`

/** Extends leases on ended attempts. Resolves with the new ones by the attempts' numbers; one that was taken over is not among them. */
export async function renewEnds(
  sql: Sql,
  leases: readonly EndLease[],
  seconds: number,
): Promise<ReadonlyMap<number, string>> {
  const values = [JSON.stringify(leases.map(({ run, number, lease }) => ({ run, number, lease }))), String(seconds)]
  const renewed = await execute<{ number: number; lease: string }>(sql, { text: renewalText, values })
  return new Map(renewed.map(({ number, lease }) => [number, lease]))
}

/**
 * The text of a statement that throws if an attempt has been released, and keeps it from being released until the end of the
 * transaction: a process whose lease was taken over must not find the attempt's rows deleted, and take them for the rows.
 */
export const unreleasedText = ({ run, number }: Pick<EndedAttempt, 'run' | 'number'>): string => `
  do $unreleased$ begin
    perform from rollouts where run = '${run.replaceAll("'", "''")}' and number = ${number} and released_at is null for key share;
    if not found then raise exception 'another process has ended the rollout'; end if;
  end $unreleased$`

const lockText = 'select from rollouts where run = $1::text and number = $2::text::int8 for update'

const releaseText = `
  update rollouts set released_at = now(), lease_until = null
  where run = $1::text and number = $2::text::int8 and released_at is null and lease_until = $3::text::timestamptz
  returning 1`

/**
 * Deletes an ended attempt's rows of the tables that keep them until its end, and notes that it holds nothing any more.
 * Resolves with false, and deletes nothing, if another process has taken over the lease.
 */
export async function releaseAttempt(
  sql: Sql,
  { run, number, lease }: EndLease,
  tables: readonly RolloutTable[],
): Promise<boolean> {
  const kept = tables.filter(({ keep }) => keep === 'end')
  return await sql.begin(async (tx: TransactionSql) => {
    const key = [run, String(number)]
    const [, released] = await Promise.all([
      // An update alone would not wait for `unreleasedText`.
      execute(tx, { text: lockText, values: key }),
      execute(tx, { text: releaseText, values: [...key, lease] }),
    ])
    if (released.length === 0) return false
    await deleteRows(tx, [number], kept)
    return true
  })
}

const holding = `
  update rollouts set due_at = greatest(due_at, now() + make_interval(secs => $3::text::float8))
  where run = $1::text and number = $2::text::int8 and ended_at is null
  returning 1`

/** Keeps an attempt from ending for so long, in seconds, because it is graded. Resolves with false if it has ended. */
export async function holdAttempt(
  sql: Sql,
  { run, number }: Pick<EndedAttempt, 'run' | 'number'>,
  seconds: number,
): Promise<boolean> {
  const held = await execute(sql, { text: holding, values: [run, String(number), String(seconds)] })
  return held.length > 0
}
