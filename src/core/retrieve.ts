import { type SharedSignal, withDeadline } from '../base/deadline.ts'
import type { Db, Embed } from '../kit/environment.ts'
import { RequestError } from '../kit/errors.ts'
import type { FoundDocument, RetrieveHook } from '../kit/retrieve.ts'
import { failureOf } from './failure.ts'

/** What {@link createRetrieve} needs. */
export interface RetrieveSettings {
  /** The environment's search. */
  readonly hook: RetrieveHook
  readonly db: Db
  readonly embed: Embed | undefined
  /** How long a search may take, in seconds. */
  readonly seconds: number
  /** Aborted when the server stops and running work must end. */
  readonly stopping: SharedSignal
}

/**
 * Searches for a query, the best document first. Throws a `RequestError`: 504 for a search that takes too long, 503 if the
 * database is unavailable, otherwise 500.
 */
export type Retrieve = (search: { readonly query: string; readonly limit: number }) => Promise<readonly FoundDocument[]>

/** Creates the search of documents outside of any rollout, for trainers that only ask for those. Nothing is recorded. */
export function createRetrieve({ hook, db, embed, seconds, stopping }: RetrieveSettings): Retrieve {
  const late = () => new RequestError(504, 'retrieval_timed_out', `the search took longer than ${seconds} s`)
  return async ({ query, limit }) => {
    try {
      return await withDeadline({ seconds, late, shared: stopping }, (signal) =>
        hook({ query, limit, db, embed, signal }),
      )
    } catch (error) {
      throw failureOf(error, {}, { code: 'retrieval_failed', message: 'the search failed; try again' }, [query])
    }
  }
}
