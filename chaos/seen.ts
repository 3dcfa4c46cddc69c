import type { Behaviour } from './served/behaviour.ts'

/** The tools of the replicas, named by hand where the model would name one that there is not. */
export type ToolName = 'look' | 'write' | 'act' | 'nothing'

/** What came of one request. */
export type Answer =
  | {
      readonly kind: 'answered'
      readonly status: number
      /** The text that a model reads, of a 200 to a call. */
      readonly output: string | undefined
      /** The score, of a 200 to a grading. */
      readonly score: number | undefined
      /** The stable code of an error. */
      readonly code: string | undefined
    }
  /** The connection was refused, or lost before the answer was whole. */
  | { readonly kind: 'lost'; readonly reason: string }
  /** Nobody answered within the trainer's patience. */
  | { readonly kind: 'unanswered' }

/** One request as the trainer saw it; times are milliseconds since 1970. */
export interface Attempt {
  /** The process that it was sent to; undefined when there was none. */
  readonly pid: number | undefined
  readonly began: number
  /** When all of it was on its way; undefined if that never was. */
  readonly sent: number | undefined
  readonly ended: number
  /** Whether an earlier attempt at the same was still without an answer. */
  readonly early: boolean
  readonly answer: Answer
}

/** A call with all its attempts. */
export interface SeenCall {
  readonly callId: string
  readonly tool: ToolName
  readonly behaviour: Behaviour
  /** Whether its arguments fit the tool's schema. */
  readonly fits: boolean
  readonly attempts: Attempt[]
}

/** A grading with all its attempts. */
export interface SeenGrading {
  readonly sample: string
  readonly attempts: Attempt[]
}

/** A rollout as the trainer saw it. */
export interface SeenRollout {
  readonly id: string
  readonly calls: SeenCall[]
  readonly gradings: SeenGrading[]
  /** Whether a call of it, or its grading, was given up after all retries. */
  discarded: boolean
}

/** The 200s among some attempts, first come first. */
export function accepted(attempts: readonly Attempt[]): Extract<Answer, { kind: 'answered' }>[] {
  return attempts
    .toSorted((a, b) => a.ended - b.ended)
    .flatMap(({ answer }) => (answer.kind === 'answered' && answer.status === 200 ? [answer] : []))
}
