import { type SharedSignal, withDeadline } from '../base/deadline.ts'
import { RequestError } from '../kit/errors.ts'
import type { Hooks } from '../kit/hooks.ts'
import type { Attempt } from '../ledger/attempt.ts'
import type { BeginRequest } from '../ledger/begin.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { connectionOf } from '../ledger/statement.ts'
import type { RowScope } from '../postgres/scoped-db.ts'
import { createSingleFlight } from './calls/single-flight.ts'

/** What {@link createBegin} needs. */
export interface BeginSettings {
  readonly ledger: Pick<Ledger, 'begin'>
  /** The environment's `begin`, if it has one. */
  readonly hook: Hooks['begin']
  /** The scope of the rollout tables, if there are any. */
  readonly rows: RowScope | undefined
  /** How long the hook may run, in seconds. */
  readonly seconds: number
  /** Aborted when the server stops and running work must end. */
  readonly stopping: SharedSignal
}

/** The verb "begin": resolves with the attempt once it has begun. `item` is the item as it arrived. */
export type Begin = (request: BeginRequest, item: unknown) => Promise<Attempt>

/**
 * Creates the verb "begin", which makes an attempt and runs the environment's `begin` in the same transaction, once. It
 * throws a `RequestError`: 422 for an item that the hook refuses, 504 for a hook that takes too long; and what else the
 * hook throws.
 */
export function createBegin({ ledger, hook, rows, seconds, stopping }: BeginSettings): Begin {
  const singleFlight = createSingleFlight<Attempt>()
  const late = () =>
    new RequestError(504, 'begin_timed_out', `the beginning of the rollout took longer than ${seconds} s`)
  return async (request, item) => {
    const { run, rolloutId, itemHash, number } = request
    const key = JSON.stringify([itemHash, number ?? null])
    const { result } = singleFlight.join(`${run}/${rolloutId}`, key, () =>
      ledger.begin(
        request,
        seconds,
        hook &&
          (async (tx, attempt) => {
            const rollout = { run, id: rolloutId, attempt: attempt.attempt, number: attempt.number }
            const connection = connectionOf(tx)
            const entered = rows?.enter(connection, attempt.number)
            try {
              await withDeadline({ seconds, late, shared: stopping }, () => hook({ tx, rollout, item, itemHash }))
            } catch (error) {
              // If the rights could not be limited, this is why the hook failed.
              await entered
              throw error
            }
            await rows?.leave(connection)
          }),
      ),
    )
    return await result
  }
}
