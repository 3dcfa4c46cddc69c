import { z } from 'zod'
import type { OutsideEffect } from './effects.ts'
import type { Cluster } from './postgres.ts'
import type { Life } from './replica.ts'
import type { Caps, SeenBox } from './sandboxes/watch.ts'
import type { SeenRollout } from './seen.ts'

const count = z.coerce.number()
const text = z.string()
const call = z.object({
  ...{ rolloutId: text, callId: text, seq: count, tool: text, execution: count, output: text, code: text.nullable() },
  outcome: z.enum(['running', 'ok', 'refused', 'failed']),
  startedAt: count,
})
const rollout = z.object({ id: text, calls: count, wrote: count, acted: count })
const write = z.object({ rolloutId: text, callId: text, nonce: text })
const grade = z.object({
  ...{ rolloutId: text, sample: text, score: z.number().nullable(), reason: text.nullable(), createdAt: count },
  outcome: z.enum(['scored', 'ungradable', 'failed']),
  parts: z.object({ calls: count, wrote: count, acted: count, rows: count, touched: count }).nullable(),
})

/** The database's content when the trainer has finished; times are milliseconds since 1970. `rolloutId` is an attempt's key. */
export interface Rows {
  readonly calls: readonly z.output<typeof call>[]
  readonly rollouts: readonly z.output<typeof rollout>[]
  /** What the tool `write` wrote. */
  readonly writes: readonly z.output<typeof write>[]
  readonly grades: readonly z.output<typeof grade>[]
}

const hook = z.object({ hook: z.enum(['begin', 'end']), number: count, id: text, seeds: count, rows: count })
const closed = z.object({
  ...{ id: text, run: text, name: text, attempt: count, number: count, begun: z.boolean(), graded: z.boolean() },
  ...{ released: z.boolean(), outcome: z.enum(['graded', 'abandoned', 'closed']).nullable() },
})
const held = z.object({ number: count, rows: count })
const leftover = z.object({ run: text, table: text, rows: count })

/** The database's content when every rollout has ended. */
export interface Ended {
  readonly attempts: readonly z.output<typeof closed>[]
  /** Each execution of a hook that committed, with the rows of the attempt that it saw; `id` is the attempt's key. */
  readonly hooks: readonly z.output<typeof hook>[]
  /** The rows that are left of attempts. */
  readonly held: readonly z.output<typeof held>[]
  /** How many rows are left in each table, by run. */
  readonly left: readonly z.output<typeof leftover>[]
}

const places = z.object({ held: count, opening: count })

/** What was seen of sandboxes. */
export interface SandboxEvidence {
  readonly caps: Caps
  /** Every sandbox that has existed. */
  readonly boxes: readonly SeenBox[]
  /** The most at once: in the provider's list, and by the ledger after each grant of a place. */
  readonly most: { readonly listed: number; readonly held: number; readonly opening: number }
  /** What is left when every rollout has ended and the reaper has run: in the provider's list, and by the ledger. */
  readonly left: { readonly listed: number; readonly recorded: number }
  readonly killedCommands: number
}

/** The input of the checks. */
export interface Evidence {
  readonly seen: readonly SeenRollout[]
  readonly rows: Rows
  readonly ended: Ended
  /** The runs that were deleted before `rows` was read, and those deleted later. */
  readonly deleted: { readonly early: ReadonlySet<string>; readonly late: ReadonlySet<string> }
  /** Effects outside; `rolloutId` is the attempt's key. */
  readonly effects: readonly (OutsideEffect & { readonly rolloutId: string })[]
  readonly lives: readonly Life[]
  /** Undefined in a run without sandboxes. */
  readonly sandboxes: SandboxEvidence | undefined
}

/** Reads the tables that the checks need. */
export function readRows(cluster: Cluster): Promise<Rows> {
  return cluster.asking(async (sql) => {
    const key = sql`run || '/' || rollout_id || '#' || attempt as "rolloutId"`
    return {
      calls: z.array(call).parse([
        ...(await sql`
          select ${key}, call_id as "callId", seq, tool, execution, output, code, outcome,
            extract(epoch from started_at) * 1000 as "startedAt"
          from ledger.calls`),
      ]),
      rollouts: z.array(rollout).parse([
        ...(await sql`
          select run || '/' || id || '#' || attempt as id, calls, coalesce(state->'wrote', '0') as wrote,
            coalesce(state->'acted', '0') as acted
          from rollouts`),
      ]),
      writes: z.array(write).parse([
        ...(await sql`
          select r.run || '/' || r.id || '#' || r.attempt as "rolloutId", w.call_id as "callId", w.nonce
          from chaos_writes w join rollouts r on r.number = w.number`),
      ]),
      grades: z.array(grade).parse([
        ...(await sql`
          select ${key}, sample->>'output_text' as sample, score, reason, parts, outcome,
            extract(epoch from created_at) * 1000 as "createdAt"
          from ledger.gradings`),
      ]),
    }
  })
}

/** Reads what is left when every rollout has ended. */
export function readEnded(cluster: Cluster): Promise<Ended> {
  return cluster.asking(async (sql) => ({
    attempts: z.array(closed).parse([
      ...(await sql`
        select run || '/' || id || '#' || attempt as id, run, id as name, attempt, number, begun_at is not null as begun,
          graded_at is not null as graded, released_at is not null as released, outcome
        from rollouts`),
    ]),
    hooks: z.array(hook).parse([
      ...(await sql`
        select hook, number, run || '/' || id || '#' || attempt as id, seeds, rows from chaos_hooks`),
    ]),
    held: z
      .array(held)
      .parse([...(await sql`select rollout as number, count(*) as rows from chaos_rows group by rollout`)]),
    left: z.array(leftover).parse([
      ...(await sql`
        select run, 'tool_calls' as table, count(*) as rows from tool_calls group by run
        union all select run, 'grades', count(*) from grades group by run
        union all select run, 'rollouts', count(*) from rollouts group by run
        union all select run, 'items', count(*) from items group by run
        union all select run, 'replays', count(*) from replays group by run
        union all select name, 'runs', count(*) from runs group by name`),
    ]),
  }))
}

/** Reads the most places that were taken at once. */
export async function readPlaces(cluster: Cluster): Promise<z.output<typeof places>> {
  const [row] = await cluster.asking(
    (sql) => sql`select coalesce(max(held), 0) as held, coalesce(max(opening), 0) as opening from chaos_places`,
  )
  return places.parse(row)
}

/** Counts the sandboxes that may exist by the ledger. */
export async function countSandboxes(cluster: Cluster): Promise<number> {
  const [row] = await cluster.asking(
    (sql) => sql<{ n: number }[]>`select count(*)::int as n from sandboxes where closed_at is null`,
  )
  return row?.n ?? 0
}

/** Lets the time pass after which the reaper looks at every sandbox. */
export async function ageSandboxes(cluster: Cluster): Promise<void> {
  await cluster.asking(
    (sql) => sql`
      update sandboxes set retry_at = now() - interval '1 second', opened_at = opened_at - interval '1 day',
        granted_at = granted_at - interval '1 day', lease_until = now() - interval '1 second'
      where closed_at is null`,
  )
}

/** Names the attempts of external effects by what their beginnings logged. */
export function namedEffects(effects: readonly OutsideEffect[], { hooks }: Ended): Evidence['effects'] {
  const names = new Map(hooks.map(({ number, id }) => [number, id]))
  return effects.map((effect) => ({ ...effect, rolloutId: names.get(effect.number) ?? `number ${effect.number}` }))
}

/** The attempts that the trainer made in runs that the ledger still had when it was read. */
export const recorded = ({ seen, deleted }: Evidence) => seen.filter(({ run }) => !deleted.early.has(run))

/** Counts the attempts that have not ended. */
export async function countOpen(cluster: Cluster): Promise<number> {
  const [row] = await cluster.asking(
    (sql) => sql<{ n: number }[]>`select count(*)::int as n from rollouts where released_at is null`,
  )
  return row?.n ?? 0
}

/** Counts the calls that are recorded as running. */
export async function countRunning(cluster: Cluster): Promise<number> {
  const [row] = await cluster.asking(
    (sql) => sql<{ n: number }[]>`select count(*)::int as n from tool_calls where outcome = 'running'`,
  )
  return row?.n ?? 0
}

/** The key of a call among all calls. */
export const keyOf = (rolloutId: string, callId: string) => `${rolloutId} ${callId}`

/** Groups a list by a key. */
export function grouped<Thing>(things: readonly Thing[], key: (thing: Thing) => string): ReadonlyMap<string, Thing[]> {
  const groups = new Map<string, Thing[]>()
  for (const thing of things) {
    const group = groups.get(key(thing))
    if (group) group.push(thing)
    else groups.set(key(thing), [thing])
  }
  return groups
}
