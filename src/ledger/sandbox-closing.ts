import type { Sql } from 'postgres'
import type { SandboxKey, SandboxStatus } from './sandboxes.ts'
import { execute } from './statement.ts'

/** A sandbox to close. */
export interface ClosingSandbox extends SandboxKey {
  readonly generation: number
  readonly provider: string
  readonly host: string | null
  /** Null if it is not known whether it was created: look for its labels. */
  readonly handle: string | null
  /** How long ago its latest creation began, or it got its place for that, in seconds. */
  readonly grantedFor: number
}

/** What the ledger knows of a sandbox in the provider's list. */
export interface KnownSandbox extends SandboxKey {
  readonly generation: number
  readonly provider: string
  readonly status: SandboxStatus
  readonly host: string | null
  readonly handle: string | null
  /** Whether it counts, because it may exist. */
  readonly hasPlace: boolean
}

/** How many sandboxes there are of each status that may exist, and how long the first in the queue has waited. */
export interface SandboxCounts {
  readonly requested: number
  readonly opening: number
  readonly open: number
  readonly closing: number
  readonly failed: number
  readonly waitSeconds: number
}

/** A sandbox in a list for people. */
export interface ListedSandbox extends SandboxKey {
  readonly rolloutId: string | null
  readonly generation: number
  readonly status: SandboxStatus
  readonly provider: string
  readonly host: string | null
  readonly handle: string | null
  readonly ageSeconds: number
  readonly closings: number
  readonly cause: string | null
}

const columns = `s.run, s.rollout::float8 as rollout, s.name, s.generation, s.provider, s.host, s.handle,
  coalesce(extract(epoch from now() - s.granted_at), 0)::float8 as "grantedFor"`
const isKey = 's.run = $1::text and s.rollout = $2::text::int8 and s.name = $3::text'
const keyOf = ({ run, rollout, name }: SandboxKey) => [run, String(rollout), name]

// A request that has no place yet has created nothing.
const close = `status = case when s.granted_at is null then 'closed' else 'closing' end,
    closed_at = case when s.granted_at is null then now() end, claim = null, lease_until = null,
    retry_at = now() + interval '1 minute'`

const endText = `
  update sandboxes s set ${close}
  where s.run = $1::text and s.rollout = $2::text::int8 and s.closed_at is null and s.status <> 'closing'
  returning ${columns}, s.status`

// Also those of rollouts that were released, or deleted, while their sandbox was opened.
const dueText = `
  update sandboxes s set ${close}
  where s.closed_at is null and s.provider = $1::text and s.host is not distinct from $2::text
    and (s.run, s.rollout, s.name) in (
      select d.run, d.rollout, d.name from sandboxes d
      where d.closed_at is null and d.provider = $1::text and d.host is not distinct from $2::text
        and (d.status = 'closing' and d.retry_at < now() or d.status <> 'closing' and not exists (
          select from rollouts r where r.run = d.run and r.number = d.rollout and r.released_at is null))
      limit $3::text::int for update skip locked)
  returning ${columns}, s.status`

const closedText = `
  update sandboxes s set status = case when s.status = 'failed' then 'failed' else 'closed' end, closed_at = now(),
    retry_at = null
  where ${isKey} and s.closed_at is null and s.generation = $4::text::int and s.status in ('closing', 'failed')`

const postponedText = `
  update sandboxes s set closings = s.closings + 1, cause = $4::text,
    retry_at = now() + make_interval(secs => least(300, 2 ^ least(s.closings, 10)))
  where ${isKey} and s.status = 'closing'`

const absentText = `
  update sandboxes s set closed_at = now(), retry_at = null
  where ${isKey} and s.closed_at is null and s.status = 'failed' and s.handle is null
    and s.granted_at < now() - make_interval(secs => $4::text::float8)`

const hasPlace = 's.closed_at is null and s.granted_at is not null as "hasPlace"'

const knownText = `
  select ${columns}, s.status, ${hasPlace}
  from jsonb_array_elements_text($1::text::jsonb) as i(rollout) join sandboxes s on s.rollout = i.rollout::int8`

const existingText = `
  select ${columns}, s.status, ${hasPlace} from sandboxes s
  where s.closed_at is null and s.status in ('open', 'failed') and s.provider = $1::text
    and s.host is not distinct from $2::text
    and coalesce(s.opened_at, s.granted_at) < now() - make_interval(secs => $3::text::float8)`

const countsText = `
  select s.status, count(*)::int as count, coalesce(extract(epoch from now() - min(s.requested_at)), 0)::float8 as seconds
  from sandboxes s where s.closed_at is null group by s.status`

const listText = `
  select ${columns}, s.status, r.id as "rolloutId", s.closings, s.cause,
    extract(epoch from now() - s.requested_at)::float8 as "ageSeconds"
  from sandboxes s left join rollouts r on r.run = s.run and r.number = s.rollout
  where s.closed_at is null and ($1::text is null or s.run = $1::text) order by s.requested_at limit $2::text::int`

const beatText = `insert into sandbox_hosts (host) values ($1::text) on conflict (host) do update set seen_at = now()`

const othersText = `
  select host, seen_at > now() - make_interval(secs => $2::text::float8) as alive from sandbox_hosts where host <> $1::text`

/** A sandbox of another provider, when it ends by itself: as late as one whose creation may have just succeeded. */
const otherEnds = 'coalesce(s.expires_at, s.granted_at + make_interval(secs => $2::text::float8))'

const othersEndedText = `
  update sandboxes s set closed_at = now(), retry_at = null, claim = null, lease_until = null,
    status = case when s.status = 'closing' then 'closed' else 'failed' end, cause = 'provider_changed'
  where s.closed_at is null and s.provider <> $1::text and (s.granted_at is null or ${otherEnds} < now())`

const ofOthersText = `
  select s.provider, count(*)::int as count,
    count(*) filter (where exists (select from rollouts r where r.run = s.run and r.number = s.rollout and r.ended_at is null))::int
      as used,
    extract(epoch from max(${otherEnds}) - now())::float8 as seconds
  from sandboxes s where s.closed_at is null and s.provider <> $1::text group by s.provider order by s.provider`

const abandonedText = `
  with dead as (delete from sandbox_hosts where seen_at < now() - make_interval(secs => $1::text::float8) returning host)
  update sandboxes s set status = 'failed', closed_at = now(), cause = 'host_lost', claim = null
  from dead where s.host = dead.host and s.closed_at is null`

/** Creates the queries on how sandboxes end. */
export function createSandboxClosing(sql: Sql) {
  return {
    /** Begins to close all sandboxes of an attempt, and resolves with those that may exist. */
    async end(run: string, rollout: number): Promise<readonly ClosingSandbox[]> {
      const values = [run, String(rollout)]
      const rows = await execute<ClosingSandbox & { status: SandboxStatus }>(sql, { text: endText, values })
      return rows.filter(({ status }) => status === 'closing')
    },
    /** The sandboxes of a provider that are to be closed now; each is returned to one caller, and again after a minute. */
    async due(provider: string, host: string | undefined, most: number): Promise<readonly ClosingSandbox[]> {
      const values = [provider, host ?? null, String(most)]
      const rows = await execute<ClosingSandbox & { status: SandboxStatus }>(sql, { text: dueText, values })
      return rows.filter(({ status }) => status === 'closing')
    },
    /** Records that a sandbox does not exist any more. */
    async closed(key: Pick<ClosingSandbox, 'run' | 'rollout' | 'name' | 'generation'>): Promise<void> {
      await execute(sql, { text: closedText, values: [...keyOf(key), String(key.generation)] })
    },
    /** Records that a sandbox whose creation failed does not exist, if the creation began more than `seconds` ago. */
    async absent(key: SandboxKey, seconds: number): Promise<void> {
      await execute(sql, { text: absentText, values: [...keyOf(key), String(seconds)] })
    },
    /** Records that a sandbox could not be closed; it is due again later, and counts until then. */
    async postponed(key: SandboxKey, cause: string): Promise<void> {
      await execute(sql, { text: postponedText, values: [...keyOf(key), cause] })
    },
    /** What is recorded of these rollouts' sandboxes. */
    known: (rollouts: readonly string[]) =>
      execute<KnownSandbox>(sql, { text: knownText, values: [JSON.stringify(rollouts)] }),
    /** The sandboxes that should be in the provider's list, older than so many seconds; failed ones only perhaps. */
    existing: (provider: string, host: string | undefined, seconds: number) =>
      execute<KnownSandbox>(sql, { text: existingText, values: [provider, host ?? null, String(seconds)] }),
    async counts(): Promise<SandboxCounts> {
      const rows = await execute<{ status: SandboxStatus; count: number; seconds: number }>(sql, {
        text: countsText,
        values: [],
      })
      const of = (status: SandboxStatus) => rows.find((row) => row.status === status)
      const count = (status: SandboxStatus) => of(status)?.count ?? 0
      return {
        requested: count('requested'),
        opening: count('opening'),
        open: count('open'),
        closing: count('closing'),
        failed: count('failed'),
        waitSeconds: of('requested')?.seconds ?? 0,
      }
    },
    /** The sandboxes that may exist, the oldest first. */
    list: (run: string | undefined, most: number) =>
      execute<ListedSandbox>(sql, { text: listText, values: [run ?? null, String(most)] }),
    /** Records that a host serves its sandboxes. */
    async beat(host: string): Promise<void> {
      await execute(sql, { text: beatText, values: [host] })
    },
    /** The other hosts, and whether each was seen in the last `seconds`. */
    others: (host: string, seconds: number) =>
      execute<{ host: string; alive: boolean }>(sql, { text: othersText, values: [host, String(seconds)] }),
    /**
     * Gives up the sandboxes of other providers that have ended by themselves, and finds those that may exist: how many there are
     * of each provider, how many of an open rollout, and in how many seconds the last will have ended. `lifeSeconds` is the
     * lifetime assumed for a sandbox that has no recorded expiry.
     */
    async ofOtherProviders(provider: string, lifeSeconds: number) {
      const values = [provider, String(lifeSeconds)]
      await execute(sql, { text: othersEndedText, values })
      return await execute<{ provider: string; count: number; used: number; seconds: number }>(sql, {
        text: ofOthersText,
        values,
      })
    },
    /** Gives up the sandboxes of hosts that were not seen for `seconds`: the sandboxes are lost with their machine. */
    async abandon(seconds: number): Promise<void> {
      await execute(sql, { text: abandonedText, values: [String(seconds)] })
    },
  }
}

export type SandboxClosing = ReturnType<typeof createSandboxClosing>
