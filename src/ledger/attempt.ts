import { contentHash } from '../base/json.ts'
import { RequestError } from '../kit/errors.ts'

/** A rollout as the trainer names it. */
export interface RolloutKey {
  /** The job: rollout ids are unique within a run. */
  readonly run: string
  /** The trainer's id. */
  readonly rolloutId: string
}

/** One use of a rollout id, with its own calls, state, budget and gradings. */
export interface Attempt extends RolloutKey {
  /** Unique across all runs; the key of its calls and gradings. */
  readonly number: number
  /** 1 for the first use of the id, then 2, 3 … */
  readonly attempt: number
  readonly itemHash: string
}

/** The latest attempt of a rollout, as the ledger finds it. */
export interface LatestAttempt {
  readonly number: number
  readonly attempt: number
  readonly itemHash: string
  /** Whether a grading of it is recorded, whatever its outcome. */
  readonly graded: boolean
  readonly ended: boolean
  /** Whether the environment's `begin` has run in it. */
  readonly begun: boolean
}

/**
 * Where a request belongs: to the latest attempt (`here`), to a new one (`new`), or, because its item is another one, to an
 * older attempt or else to a new one (`next item`), or to an older one or else nowhere (`other item`).
 */
export type Place = 'here' | 'new' | 'next item' | 'other item'

/**
 * Decides where a call or a grading belongs. An attempt takes new calls until its first grading, and gradings of its item
 * until it has ended; `isPart` says whether the request may join a graded attempt: a call that is recorded in it, or a
 * grading.
 */
export function placeOf(latest: Omit<LatestAttempt, 'begun'> | undefined, itemHash: string, isPart: boolean): Place {
  if (latest === undefined || latest.ended) return 'new'
  if (isOtherItem(latest.itemHash, itemHash)) return latest.graded ? 'next item' : 'other item'
  return latest.graded && !isPart ? 'new' : 'here'
}

/** SQL for the key of a rollout's advisory lock, which all its attempts share; a run's name has no slash. */
export const lockKey = (run: string, id: string) => `hashtextextended(${run} || '/' || ${id}, 0)`

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
