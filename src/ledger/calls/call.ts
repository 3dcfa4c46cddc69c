import { canonicalJson } from '../../base/json.ts'
import type { RolloutKey } from '../attempt.ts'

/** How a tool call ended, or `running`. */
export type Outcome = 'running' | 'ok' | 'refused' | 'failed'

/** What is known about a call before it runs. */
export interface CallIdentity extends RolloutKey {
  readonly callId: string
  readonly tool: string
  /** The arguments as JSON, as the model gave them, or as the environment's `redact` leaves them. */
  readonly arguments: unknown
  /** The {@link contentHash} of the arguments as the model gave them, if {@link arguments} are redacted. */
  readonly argumentsHash?: string | undefined
  readonly itemHash: string
  readonly item: unknown
  /** What must not appear in a recorded failure, in addition to the arguments and the item: both as they arrived. */
  readonly originals?: unknown
  /** The attempt that the call was found to belong to; undefined: the ledger decides when it records the call. */
  readonly number?: number | undefined
  /** The protocol and the name of the key by which the call arrived, recorded with a new attempt. */
  readonly wire?: string | undefined
  readonly key?: string | undefined
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
  /** How long its tool ran before this record, in milliseconds: it belongs to the attempt that was open when it began. */
  readonly ranMs?: number | undefined
  /**
   * When it ended; default: the time of recording. A failed call that is recorded again with the same time and code
   * is the same failure, not another attempt.
   */
  readonly finishedAt?: Date | undefined
  /** For `running`: the token that may settle it, and how long that holds without renewal, in seconds. */
  readonly claim?: { readonly token: string; readonly leaseSeconds: number } | undefined
}

/** How a call ended, or that it runs: what a {@link CallRecord} adds to the call. */
export type CallEnd = Omit<CallRecord, keyof CallIdentity>

/** The record of a call. Written out, because a spread of so many fields takes longer than all else here. */
export function recordOf(call: CallIdentity, end: CallEnd): CallRecord {
  return {
    run: call.run,
    rolloutId: call.rolloutId,
    callId: call.callId,
    tool: call.tool,
    arguments: call.arguments,
    argumentsHash: call.argumentsHash,
    itemHash: call.itemHash,
    item: call.item,
    originals: call.originals,
    number: call.number,
    wire: call.wire,
    key: call.key,
    outcome: end.outcome,
    output: end.output,
    code: end.code,
    cause: end.cause,
    startedAt: end.startedAt,
    ranMs: end.ranMs,
    finishedAt: end.finishedAt,
    claim: end.claim,
  }
}

/** A recorded call. */
export interface StoredCall extends RolloutKey {
  /** The number of its attempt. */
  readonly number: number
  readonly attempt: number
  readonly callId: string
  /** 1; more if the id was used before in the attempt, with another tool or other arguments. */
  readonly nth: number
  /** 1, 2, 3 … without gaps within the attempt. */
  readonly seq: number
  readonly tool: string
  readonly arguments: unknown
  readonly argumentsHash: string | null
  readonly outcome: Outcome
  readonly output: string
  readonly code: string | null
  /** 1 for the first run of its tool; incremented for each run after a failure or the death of its owner. */
  readonly execution: number
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
  if (one.tool !== other.tool) return false
  const [hash, otherHash] = [one.argumentsHash ?? null, other.argumentsHash ?? null]
  if (hash !== null || otherHash !== null) return hash === otherHash
  return canonicalJson(one.arguments) === canonicalJson(other.arguments)
}

interface AskedFor {
  readonly tool: string
  readonly arguments: unknown
  readonly argumentsHash?: string | null | undefined
}
