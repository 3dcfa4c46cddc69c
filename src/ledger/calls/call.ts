import { canonicalJson, contentHash } from '../../base/json.ts'
import { RequestError } from '../../kit/errors.ts'

/** How a tool call ended, or `running`. */
export type Outcome = 'running' | 'ok' | 'refused' | 'failed'

/** What is known about a call before it runs. */
export interface CallIdentity {
  readonly rolloutId: string
  readonly callId: string
  readonly tool: string
  /** The arguments as JSON, as the model gave them. */
  readonly arguments: unknown
  readonly itemHash: string
  readonly item: unknown
}

/** A call to be recorded, unless it is already. */
export interface CallRecord extends CallIdentity {
  readonly outcome: Outcome
  readonly output: string
  /** Why it was refused or failed: a stable code; null for `ok` and `running`. */
  readonly code: string | null
  /** For `failed`: the error as JSON text, redacted. */
  readonly cause?: string | undefined
  readonly startedAt: Date
  /**
   * When it ended; default: the time of recording. A failed call that is recorded again with the same time and code
   * is the same failure, not another attempt.
   */
  readonly finishedAt?: Date
  /** For `running`: the token that may settle it, and how long that holds without renewal, in seconds. */
  readonly claim?: { readonly token: string; readonly leaseSeconds: number }
}

/** A recorded call. */
export interface StoredCall {
  readonly rolloutId: string
  readonly callId: string
  /** 1, 2, 3 … without gaps within the rollout. */
  readonly seq: number
  readonly tool: string
  readonly arguments: unknown
  readonly outcome: Outcome
  readonly output: string
  readonly code: string | null
  /** 1 for the first run; incremented for each run after a failure or the death of its owner. */
  readonly attempt: number
  readonly claim: string | null
  /** For `running`: the lease has run out, so the next request may take the call over. */
  readonly lapsed: boolean
}

/** The result of recording a call: `replayed` if it was recorded before. */
export interface Recorded {
  readonly call: StoredCall
  readonly replayed: boolean
}

/** How many calls a rollout may make, and the message to the model when they are used up. */
export interface Budget {
  readonly calls: number
  readonly refusal: string
}

/** The stable code of a call that was refused because the budget was used up. */
export const budgetCode = 'budget_used_up'

/** Whether two calls with the same id have the same tool and arguments: only then is one a retry of the other. */
export function isSameCall(one: AskedFor, other: AskedFor): boolean {
  return one.tool === other.tool && canonicalJson(one.arguments) === canonicalJson(other.arguments)
}

/** The hash of `{}`, the item of a request without one, which is compatible with every item. */
export const noItemHash = contentHash({})

/** Whether a rollout that was recorded with one item (null or undefined: not recorded) must not be used with another. */
export function isOtherItem(recorded: string | null | undefined, given: string): boolean {
  return (recorded ?? given) !== given && recorded !== noItemHash && given !== noItemHash
}

/**
 * Thrown for a call or a grading whose rollout was recorded with another item: a 500, because the caller mixes up
 * rollouts, and a score would be for another task.
 */
export class ItemMismatchError extends RequestError {
  override readonly name = 'ItemMismatchError'

  constructor(rolloutId: string) {
    const message = 'the rollout was recorded with another item; use a different rollout id for each item'
    super(500, 'rollout_has_another_item', message, { details: { rollout: rolloutId } })
  }
}

type AskedFor = Pick<CallIdentity, 'tool' | 'arguments'>
