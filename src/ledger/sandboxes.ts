import type { Sql } from 'postgres'
import { execute, type Statement } from './statement.ts'

export type SandboxStatus = 'requested' | 'opening' | 'open' | 'closing' | 'closed' | 'failed'

/** A sandbox as a rollout knows it. */
export interface SandboxKey {
  readonly run: string
  /** The rollout's number. */
  readonly rollout: number
  readonly name: string
}

/** A recorded sandbox. */
export interface SandboxRow extends SandboxKey {
  readonly generation: number
  readonly status: SandboxStatus
  readonly provider: string
  readonly host: string | null
  readonly handle: string | null
  readonly claim: string | null
  /** Whether it was used: one that failed afterwards is never replaced. */
  readonly opened: boolean
  /** Whether it holds a place since an earlier request, which may have created it: look before creating it. */
  readonly granted: boolean
  /** In how many seconds the provider may remove it; null before it is open. */
  readonly expiresIn: number | null
  readonly cause: string | null
}

/** How many sandboxes may exist, and how many of them may be opening. */
export interface SandboxCaps {
  readonly open: number
  readonly opening: number
}

const columns = `s.run, s.rollout::float8 as rollout, s.name, s.generation, s.status, s.provider, s.host, s.handle, s.claim,
  s.opened_at is not null as opened, s.granted_at is not null as granted,
  extract(epoch from s.expires_at - now())::float8 as "expiresIn", s.cause`

const isKey = 's.run = $1::text and s.rollout = $2::text::int8 and s.name = $3::text'
const keyOf = ({ run, rollout, name }: SandboxKey) => [run, String(rollout), name]

/**
 * What counts: every sandbox that may exist, whatever its status. A row gets its place when it is granted, and holds it until
 * `closed_at` is set, which is when the provider does not have the sandbox any more.
 *
 * | status      | granted_at | closed_at | place | when                                                                  |
 * | ----------- | ---------- | --------- | ----- | --------------------------------------------------------------------- |
 * | `requested` | null       | null      | no    | it waits for a place; nothing was created                             |
 * | `requested` | set        | null      | yes   | an earlier creation failed and may succeed late; it waits to be opened again |
 * | `opening`   | set        | null      | yes   | it is created, or looked for                                          |
 * | `open`      | set        | null      | yes   |                                                                       |
 * | `failed`    | set        | null      | yes   | the creation failed and may succeed late                              |
 * | `failed`    | any        | set       | no    | the creation was refused, has not appeared in time, or the sandbox was lost |
 * | `closing`   | set        | null      | yes   | its rollout has ended                                                 |
 * | `closed`    | any        | set       | no    |                                                                       |
 *
 * `requested` → `opening` is the only step that takes a place, and is made under {@link lockText}; `failed` → `requested` keeps
 * the place, or gives up its claim to one that is free already; `requested` → `failed` withdraws without giving it up.
 */
const hasPlace = 's.closed_at is null and s.granted_at is not null'

// The share lock orders this before or after the end of the rollout, which closes what it finds.
const requestText = `
  insert into sandboxes as s (run, rollout, name, status, provider, host, claim, lease_until)
  select r.run, r.number, $3::text, 'requested', $4::text, $5::text, $6::text, now() + make_interval(secs => $7::text::float8)
  from rollouts r where r.run = $1::text and r.number = $2::text::int8 and r.ended_at is null for share
  on conflict (run, rollout, name) do update
  set claim = excluded.claim, lease_until = excluded.lease_until, provider = excluded.provider, host = excluded.host,
    generation = s.generation + case when s.closed_at is null then 0 else 1 end,
    status = case when s.status = 'failed' then 'requested' else s.status end,
    requested_at = case when s.status = 'failed' then now() else s.requested_at end,
    granted_at = case when s.closed_at is null then s.granted_at end, closed_at = null
  where s.status in ('requested', 'opening') and s.lease_until < now() or s.status = 'failed' and s.opened_at is null
  returning ${columns}`

const isRolloutOpenText =
  'select 1 from rollouts r where r.run = $1::text and r.number = $2::text::int8 and r.ended_at is null'

const readText = `select ${columns} from sandboxes s where ${isKey}`

// One transaction at a time counts and grants, so that the caps hold.
const lockText = `select pg_advisory_xact_lock(hashtextextended('scorekeeper sandboxes', 0))`

const renewText = `
  update sandboxes s set lease_until = now() + make_interval(secs => $2::text::float8)
  where s.closed_at is null and s.status in ('requested', 'opening')
    and s.claim in (select jsonb_array_elements_text($1::text::jsonb))`

// Without a place it needs a free one; to be opened, it needs to be among those that may be opening.
const grantText = `
  with counts as (
    select count(*) filter (where ${hasPlace}) as held, count(*) filter (where s.status = 'opening') as opening
    from sandboxes s where s.closed_at is null),
  queue as (
    select s.run, s.rollout, s.name, s.granted_at is not null as placed,
      row_number() over (partition by s.run order by s.requested_at, s.rollout) as place
    from sandboxes s where s.closed_at is null and s.status = 'requested' and s.lease_until > now()),
  turns as (
    select q.run, (select g.granted_at from sandboxes g where g.run = q.run and g.granted_at is not null
      order by g.granted_at desc limit 1) as last
    from (select distinct run from queue) q),
  line as (
    select queue.*, row_number() over (order by place, last nulls first, run) as turn,
      count(*) filter (where not placed) over (order by place, last nulls first, run) as needed
    from queue join turns using (run)),
  next as (
    select line.* from line, counts where placed or needed <= $1::text::int - held order by turn
    limit (select greatest(0, $2::text::int - opening) from counts))
  update sandboxes s set status = 'opening', granted_at = clock_timestamp()
  from next where s.run = next.run and s.rollout = next.rollout and s.name = next.name and s.status = 'requested'`

const ownText = `
  select s.claim, s.status from sandboxes s
  where s.closed_at is null and s.claim in (select jsonb_array_elements_text($1::text::jsonb))`

const openedText = `
  update sandboxes s set status = 'open', handle = $5::text, generation = $6::text::int, opened_at = now(), claim = null,
    lease_until = null, expires_at = now() + make_interval(secs => $7::text::float8), cause = null
  where ${isKey} and s.status = 'opening' and s.claim = $4::text returning ${columns}`

const failedText = `
  update sandboxes s set status = 'failed', cause = $5::text, claim = null, lease_until = null,
    closed_at = case when $6::text = 'gone' then now() end, retry_at = now()
  where ${isKey} and s.status = 'opening' and s.claim = $4::text`

const lostText = `
  update sandboxes s set status = 'failed', cause = $5::text, closed_at = now()
  where ${isKey} and s.status = 'open' and s.handle = $4::text`

const withdrawText = `
  delete from sandboxes s where ${isKey} and s.claim = $4::text and s.status in ('requested', 'opening')`

const returnText = `
  update sandboxes s set status = 'failed', claim = null, lease_until = null
  where ${isKey} and s.claim = $4::text and s.status in ('requested', 'opening')`

const extendedText = `
  update sandboxes s set expires_at = now() + make_interval(secs => $4::text::float8) where ${isKey} and s.status = 'open'`

const usedText = `
  select s.name, s.cause from sandboxes s
  where s.run = $1::text and s.rollout = $2::text::int8 and s.status = 'failed' and s.opened_at is not null limit 1`

// The time from which a creation may appear late counts from its beginning, which may be long after its place was granted.
const beginText = `
  with late as (
    update sandboxes s set granted_at = now()
    where ${isKey} and s.status = 'opening' and s.claim = $4::text and s.granted_at < now() - interval '3 seconds')
  select 1 from sandboxes s where ${isKey} and s.status = 'opening' and s.claim = $4::text`

/** Creates the queries on how sandboxes are opened and used. */
export function createSandboxLedger(sql: Sql) {
  const one = async (statement: Statement): Promise<SandboxRow | undefined> =>
    (await execute<SandboxRow>(sql, statement))[0]
  return {
    /**
     * Records the intent to open a sandbox, or takes over that of a request whose lease has run out, and resolves with the
     * row: it is the caller's to open if it has the caller's claim. Undefined if the rollout has ended.
     */
    async request(
      key: SandboxKey,
      { provider, host }: { readonly provider: string; readonly host: string | undefined },
      claim: { readonly token: string; readonly leaseSeconds: number },
    ): Promise<SandboxRow | undefined> {
      const values = [...keyOf(key), provider, host ?? null, claim.token, String(claim.leaseSeconds)]
      const isOpen = async () =>
        (await execute(sql, { text: isRolloutOpenText, values: [key.run, String(key.rollout)] })).length > 0
      for (;;) {
        const row = (await one({ text: requestText, values })) ?? (await one({ text: readText, values: keyOf(key) }))
        // Without a row in an open rollout, another request has given up its own meanwhile.
        if (row !== undefined || !(await isOpen())) return row
      }
    },
    read: (key: SandboxKey) => one({ text: readText, values: keyOf(key) }),
    /**
     * Renews claims and grants free places: in order within a run, in turn between runs. Resolves with the status by claim; a
     * claim that was taken over is not among them.
     */
    async turn(
      tokens: readonly string[],
      caps: SandboxCaps,
      leaseSeconds: number,
    ): Promise<Map<string, SandboxStatus>> {
      const claims = JSON.stringify(tokens)
      const [, , , own] = await sql.begin((tx) =>
        Promise.all([
          execute(tx, { text: lockText, values: [] }),
          execute(tx, { text: renewText, values: [claims, String(leaseSeconds)] }),
          execute(tx, { text: grantText, values: [String(caps.open), String(caps.opening)] }),
          execute<{ claim: string; status: SandboxStatus }>(tx, { text: ownText, values: [claims] }),
        ]),
      )
      return new Map(own.map(({ claim, status }) => [claim, status]))
    },
    /** Records that a creation begins; resolves with whether the claim still holds. */
    async begin(key: SandboxKey, claim: string): Promise<boolean> {
      return (await execute(sql, { text: beginText, values: [...keyOf(key), claim] })).length > 0
    },
    /** Records that a sandbox is open; undefined if the claim was taken over. */
    opened: (
      key: SandboxKey,
      claim: string,
      made: { readonly handle: string; readonly generation: number; readonly ttlSeconds: number },
    ) => {
      const values = [...keyOf(key), claim, made.handle, String(made.generation), String(made.ttlSeconds)]
      return one({ text: openedText, values })
    },
    /** Records that a sandbox could not be opened; `gone`: it is certain that it does not exist. */
    async failed(key: SandboxKey, claim: string, cause: string, state: 'gone' | 'unknown'): Promise<void> {
      await execute(sql, { text: failedText, values: [...keyOf(key), claim, cause, state] })
    },
    /** Records that an open sandbox does not exist any more; it is never replaced. */
    async lost(key: SandboxKey, handle: string, cause: string): Promise<void> {
      await execute(sql, { text: lostText, values: [...keyOf(key), handle, cause] })
    },
    /** Gives up a request that created nothing; a place that the row held before it is kept. */
    async withdraw({ granted, ...key }: SandboxKey & Pick<SandboxRow, 'granted'>, claim: string): Promise<void> {
      await execute(sql, { text: granted ? returnText : withdrawText, values: [...keyOf(key), claim] })
    },
    /** Records that the provider keeps it for so long from now. */
    async extended(key: SandboxKey, ttlSeconds: number): Promise<void> {
      await execute(sql, { text: extendedText, values: [...keyOf(key), String(ttlSeconds)] })
    },
    /** Finds a sandbox of an attempt that failed after it was used. */
    async findLost(run: string, rollout: number): Promise<{ name: string; cause: string | null } | undefined> {
      const [row] = await execute<{ name: string; cause: string | null }>(sql, {
        text: usedText,
        values: [run, String(rollout)],
      })
      return row
    },
  }
}

export type SandboxLedger = ReturnType<typeof createSandboxLedger>
