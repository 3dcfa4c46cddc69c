import { z } from 'zod'
import type { OutsideEffect } from './effects.ts'
import type { Cluster } from './postgres.ts'
import type { Life } from './replica.ts'
import type { SeenRollout } from './seen.ts'

const count = z.coerce.number()
const text = z.string()
const call = z.object({
  ...{ rolloutId: text, callId: text, seq: count, tool: text, attempt: count, output: text, code: text.nullable() },
  outcome: z.enum(['running', 'ok', 'refused', 'failed']),
  startedAt: count,
})
const rollout = z.object({ id: text, calls: count, wrote: count, acted: count })
const write = z.object({ rolloutId: text, callId: text, nonce: text })
const grade = z.object({
  ...{ rolloutId: text, sample: text, score: z.number().nullable(), createdAt: count },
  outcome: z.enum(['scored', 'ungradable', 'failed']),
  parts: z.object({ calls: count, wrote: count, acted: count }).nullable(),
})

/** The database's content at the end of a run; times are milliseconds since 1970. */
export interface Rows {
  readonly calls: readonly z.output<typeof call>[]
  readonly rollouts: readonly z.output<typeof rollout>[]
  /** What the tool `write` wrote. */
  readonly writes: readonly z.output<typeof write>[]
  readonly grades: readonly z.output<typeof grade>[]
}

/** The input of the checks. */
export interface Evidence {
  readonly seen: readonly SeenRollout[]
  readonly rows: Rows
  readonly effects: readonly OutsideEffect[]
  readonly lives: readonly Life[]
}

/** Creates the table that the tool `write` writes to, without a key, so that it accepts duplicates. */
export async function createEffectTable(cluster: Cluster): Promise<void> {
  await cluster.asking((sql) => sql`create table chaos_writes (rollout_id text, call_id text, nonce text)`)
}

/** Reads the tables that the checks need. */
export function readRows(cluster: Cluster): Promise<Rows> {
  return cluster.asking(async (sql) => ({
    calls: z.array(call).parse([
      ...(await sql`
        select rollout_id as "rolloutId", call_id as "callId", seq, tool, attempt, output, code, outcome,
          extract(epoch from started_at) * 1000 as "startedAt"
        from ledger.calls`),
    ]),
    rollouts: z.array(rollout).parse([
      ...(await sql`
        select id, calls, coalesce(state->'wrote', '0') as wrote, coalesce(state->'acted', '0') as acted from rollouts`),
    ]),
    writes: z
      .array(write)
      .parse([...(await sql`select rollout_id as "rolloutId", call_id as "callId", nonce from chaos_writes`)]),
    grades: z.array(grade).parse([
      ...(await sql`
        select rollout_id as "rolloutId", sample->>'output_text' as sample, score, parts, outcome,
          extract(epoch from created_at) * 1000 as "createdAt"
        from ledger.gradings`),
    ]),
  }))
}

/** Counts the calls that are recorded as running. */
export async function countRunning(cluster: Cluster): Promise<number> {
  const [row] = await cluster.asking(
    (sql) => sql<{ n: number }[]>`select count(*)::int as n from ledger.calls where outcome = 'running'`,
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
