import type { Behaviour } from './served/behaviour.ts'

/** The tools of the replicas, and one that does not exist. */
export type ToolName = 'look' | 'write' | 'act' | 'box' | 'nothing'

/** The result of one request. */
export type Answer =
  | {
      readonly kind: 'answered'
      readonly status: number
      /** The output in a 200 to a call. */
      readonly output: string | undefined
      /** The score in a 200 to a grading. */
      readonly score: number | undefined
      /** The stable code of an error. */
      readonly code: string | undefined
    }
  /** The connection was refused, or lost before the answer was complete. */
  | { readonly kind: 'lost'; readonly reason: string }
  /** No answer within the trainer's timeout. */
  | { readonly kind: 'unanswered' }

/** One request as the trainer saw it; times are milliseconds since 1970. */
export interface SeenRequest {
  /** The process that it was sent to; undefined if there was none. */
  readonly pid: number | undefined
  readonly began: number
  /** When the request was fully sent; undefined if it never was. */
  readonly sent: number | undefined
  readonly ended: number
  /** Whether an earlier request was still unanswered. */
  readonly early: boolean
  readonly answer: Answer
}

/** A call with all its requests. */
export interface SeenCall {
  /** Empty until it is known, on protocols in which the server names a call. */
  callId: string
  readonly tool: ToolName
  readonly behaviour: Behaviour
  /** Whether its arguments fit the tool's schema. */
  readonly fits: boolean
  readonly requests: SeenRequest[]
}

/** A grading with all its requests. */
export interface SeenGrading {
  readonly sample: string
  readonly requests: SeenRequest[]
}

/** One use of a rollout id, an attempt, as the trainer saw it. */
export interface SeenRollout {
  /** The key of the attempt, see {@link attemptKey}. */
  readonly id: string
  readonly run: string
  /** The id that the trainer sends. */
  readonly name: string
  readonly attempt: number
  /** The protocol; Agent RFT by default. */
  readonly wire?: 'nemo-gym' | 'ors'
  /** The beginning of the names of further rollouts that a lost answer to the first request may have left, without a call. */
  readonly leftNames?: string
  readonly calls: SeenCall[]
  readonly gradings: SeenGrading[]
  /** How the trainer left it; it may be graded in any case. */
  ending: 'left' | 'graded' | 'abandoned' | 'closed'
  /** Whether the trainer gave up on a call or a grading after all retries. */
  discarded: boolean
}

/** The key of an attempt among those of all runs. */
export const attemptKey = (run: string, name: string, attempt: number) => `${run}/${name}#${attempt}`

/** The 200s among some requests, in order. */
export function accepted(requests: readonly SeenRequest[]): Extract<Answer, { kind: 'answered' }>[] {
  return requests
    .toSorted((a, b) => a.ended - b.ended)
    .flatMap(({ answer }) => (answer.kind === 'answered' && answer.status === 200 ? [answer] : []))
}
