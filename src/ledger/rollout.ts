import type { Sql } from 'postgres'
import type { TrajectoryCall } from '../kit/trajectory.ts'
import { isUnavailable } from '../postgres/database.ts'
import { createBatcher } from './batch.ts'
import { execute } from './statement.ts'

/** A rollout as graders receive it; a rollout without calls has an empty trajectory. */
export interface RecordedRollout {
  readonly trajectory: readonly TrajectoryCall[]
  /** The stored state; null if it has none yet. */
  readonly state: unknown
  /** The item it was recorded with; undefined if the rollout is not recorded. */
  readonly itemHash: string | undefined
  /** Whether one of its calls is claimed under an unexpired lease. */
  readonly running: boolean
  /** The first call that failed, or whose owner died, and has not succeeded since. */
  readonly failed: { readonly callId: string; readonly tool: string } | undefined
}

/** A call as the statement selects it: times in milliseconds since 1970. */
interface SelectedCall extends Omit<TrajectoryCall, 'startedAt' | 'finishedAt'> {
  readonly startedAt: number
  readonly finishedAt: number | null
  readonly lapsed: boolean
}

interface Row {
  readonly n: number
  readonly item_hash: string
  readonly state: unknown
  readonly calls: readonly SelectedCall[] | null
}

const text = `
  select i.n, r.item_hash, r.state, t.calls
  from jsonb_array_elements_text($1::text::jsonb) with ordinality as i(id, n)
  cross join lateral (select item_hash, state from rollouts where id = i.id limit 1) r
  cross join lateral (
    select json_agg(json_build_object('seq', seq, 'callId', call_id, 'tool', tool, 'arguments', arguments,
      'output', output, 'outcome', outcome, 'code', code, 'attempt', attempt,
      'startedAt', extract(epoch from started_at) * 1000, 'finishedAt', extract(epoch from finished_at) * 1000,
      'lapsed', outcome = 'running' and lease_until < now()) order by seq) as calls
    from tool_calls where rollout_id = i.id
  ) t`

/**
 * Creates the function that reads a rollout, its trajectory in order and its state from one snapshot; concurrent reads
 * share one statement.
 */
export function createRolloutReader(sql: Sql): (rolloutId: string) => Promise<RecordedRollout> {
  const run = async (ids: readonly string[]): Promise<readonly RecordedRollout[]> => {
    const found: RecordedRollout[] = ids.map(() => recorded(undefined))
    const rows = await execute<Row>(sql, { text, values: [JSON.stringify(ids)] })
    for (const row of rows) found[Number(row.n) - 1] = recorded(row)
    return found
  }
  // Few at a time, because each may have megabytes.
  const together = { maxEntries: 32, maxBytes: Number.POSITIVE_INFINITY, sizeOf: () => 0 }
  return createBatcher<string, RecordedRollout>({ run, ...together, concernsAll: isUnavailable })
}

function recorded(row: Row | undefined): RecordedRollout {
  const calls = row?.calls ?? []
  const failed = calls.find(({ outcome, lapsed }) => outcome === 'failed' || lapsed)
  return {
    trajectory: calls.map(trajectoryCall),
    state: row?.state ?? null,
    itemHash: row?.item_hash,
    running: calls.some(({ outcome, lapsed }) => outcome === 'running' && !lapsed),
    failed: failed && { callId: failed.callId, tool: failed.tool },
  }
}

function trajectoryCall({ lapsed: _, startedAt, finishedAt, ...call }: SelectedCall): TrajectoryCall {
  return {
    ...call,
    startedAt: new Date(startedAt),
    finishedAt: finishedAt === null ? null : new Date(finishedAt),
  }
}
