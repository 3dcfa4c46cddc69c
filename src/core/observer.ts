import type { CallIdentity } from '../ledger/calls/call.ts'

/** What identifies a grading. */
export interface ObservedGrading {
  readonly run: string
  readonly rolloutId: string
  readonly grader: string
}

/** What is known of a score. */
export interface ObservedScore {
  readonly score: number
  readonly parts: Readonly<Record<string, number>> | null
  /** How many calls the rollout had made; undefined for a stored score. */
  readonly calls: number | undefined
}

/** Is told of calls and gradings as they end, for metrics, logs and traces. It must not throw, and must be quick. */
export interface Observer {
  /** A call begins to run or waits for one that runs (1), or no longer does (-1). */
  calling(change: 1 | -1): void
  /**
   * A call is answered, also with a stored answer (`isReplay`), or failed.
   *
   * @param began a time of `performance.now()`
   * @param output empty if it failed
   */
  called(
    call: Pick<CallIdentity, 'run' | 'rolloutId' | 'callId' | 'tool'>,
    outcome: 'ok' | 'refused' | 'failed',
    code: string | null,
    began: number,
    isReplay: boolean,
    output: string,
  ): void
  /**
   * A grading ended, or was answered with the stored score (`isReplay`).
   *
   * @param score undefined if it gave no score
   */
  graded(
    grading: ObservedGrading,
    outcome: 'scored' | 'failed' | 'ungradable',
    code: string | null,
    began: number,
    isReplay: boolean,
    score?: ObservedScore,
  ): void
}

/** Tells several observers. */
export function observers(all: readonly Observer[]): Observer | undefined {
  if (all.length <= 1) return all[0]
  return {
    calling(change) {
      for (const each of all) each.calling(change)
    },
    called(...facts) {
      for (const each of all) each.called(...facts)
    },
    graded(...facts) {
      for (const each of all) each.graded(...facts)
    },
  }
}
