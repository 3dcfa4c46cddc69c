import type { Sql } from 'postgres'
import type { TrajectoryCall } from '../kit/trajectory.ts'
import { isUnavailable } from '../postgres/database.ts'
import { createRunBatcher } from './batch.ts'
import { execute } from './statement.ts'

/** An attempt of a rollout as graders receive it; one without calls has an empty trajectory. */
export interface RecordedRollout {
  readonly trajectory: readonly TrajectoryCall[]
  /** The stored state; null if it has none yet. */
  readonly state: unknown
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
  readonly state: unknown
  readonly calls: readonly SelectedCall[] | null
}

/** The text of the statement that reads attempts. `$2` is the run of every row that it visits. */
export const readerText = `
  select i.n, r.state, t.calls
  from jsonb_array_elements_text($1::text::jsonb) with ordinality as i(number, n)
  cross join lateral (select state from rollouts where run = $2::text and number = i.number::int8 limit 1) r
  cross join lateral (
    select json_agg(json_build_object('seq', seq, 'callId', call_id, 'tool', tool, 'arguments', arguments,
      'output', output, 'outcome', outcome, 'code', code, 'execution', execution,
      'startedAt', extract(epoch from started_at) * 1000, 'finishedAt', extract(epoch from finished_at) * 1000,
      'lapsed', outcome = 'running' and lease_until < now()) order by seq) as calls
    from tool_calls where run = $2::text and rollout = i.number::int8
  ) t`

/** The key of an attempt. */
export interface AttemptNumber {
  readonly run: string
  readonly number: number
}

/** What a grader receives for a rollout of which nothing is recorded. */
export const emptyRollout: RecordedRollout = { trajectory: [], state: null, running: false, failed: undefined }

/**
 * Creates the function that reads an attempt, its trajectory in order and its state from one snapshot; concurrent reads of
 * a run share one statement.
 */
export function createRolloutReader(sql: Sql): (attempt: AttemptNumber) => Promise<RecordedRollout> {
  const run = async (attempts: readonly AttemptNumber[]): Promise<readonly RecordedRollout[]> => {
    const found: RecordedRollout[] = attempts.map(() => emptyRollout)
    const values = [JSON.stringify(attempts.map(({ number }) => number)), attempts[0]?.run ?? '']
    const rows = await execute<Row>(sql, { text: readerText, values })
    for (const row of rows) found[Number(row.n) - 1] = recorded(row)
    return found
  }
  // Few at a time, because each may have megabytes.
  const together = { maxEntries: 32, maxBytes: Number.POSITIVE_INFINITY, sizeOf: () => 0 }
  const runOf = (attempt: AttemptNumber) => attempt.run
  return createRunBatcher<AttemptNumber, RecordedRollout>({ run, ...together, runOf, concernsAll: isUnavailable })
}

function recorded(row: Row): RecordedRollout {
  const calls = row.calls ?? []
  const failed = calls.find(({ outcome, lapsed }) => outcome === 'failed' || lapsed)
  return {
    trajectory: calls.map(trajectoryCall),
    state: row.state ?? null,
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
