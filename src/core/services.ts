import type { Db, Embed } from '../kit/environment.ts'
import type { Budget, CallIdentity } from '../ledger/calls/call.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { ClaimKeeper } from './claim-keeper.ts'

/** What running a call needs, whatever the tool's effects. */
export interface RunServices {
  readonly ledger: Ledger
  readonly db: Db
  readonly embed: Embed | undefined
  readonly budget: Budget | undefined
  readonly claims: ClaimKeeper
  /** The most bytes that an output may have as JSON. */
  readonly maxOutputBytes: number
  /** Aborted when the server has no more time for what runs. */
  readonly stopping: AbortSignal
}

/** One call about to run. */
export interface Run {
  readonly call: CallIdentity
  /** Whether the call's id was made here, so that it cannot have been recorded before. */
  readonly isNew: boolean
  /** How long the tool may run, in seconds. */
  readonly seconds: number
  /** Made when that time is up. */
  readonly late: () => Error
}
