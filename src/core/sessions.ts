import { randomUUID } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { SharedSignal } from '../base/deadline.ts'
import { contentHash } from '../base/json.ts'
import type { Environment } from '../kit/define.ts'
import { RequestError } from '../kit/errors.ts'
import type { RolloutKey } from '../ledger/attempt.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { AttemptName, FoundAttempt, KnownItem } from '../ledger/sessions.ts'
import { createAnswerTimeout } from './answer-timeout.ts'
import type { Begin } from './begin.ts'
import type { Ender } from './end.ts'

/** An attempt that a wire names with every request. */
export interface Session extends RolloutKey {
  readonly number: number
  readonly itemHash: string
}

/** What is begun: a rollout with its item. */
export interface SessionRequest {
  readonly run: string
  /** The protocol and the name of the caller's key, recorded with the attempt. */
  readonly wire: string
  readonly key: string
  /** The trainer's id of the rollout; a new one is generated if it is missing. */
  readonly rolloutId?: string | undefined
  /** The dataset row, the reference included. */
  readonly item: unknown
}

/** The verbs of wires whose trainers begin a rollout, refer to it, and end it. */
export interface Sessions {
  /**
   * Begins an attempt: stores its item and runs the environment's `begin`. The same id and item again, before the attempt is
   * graded or has ended, resolves with the same attempt. Throws a `RequestError`: 422 for an item that does not fit or that
   * the environment refuses, 5xx for a failure of the server; and what the environment's `begin` throws.
   */
  begin(request: SessionRequest): Promise<Session>
  /**
   * Finds the latest attempt of a rollout, or the one with this number; undefined if there is none. Its item is the stored
   * one: as the environment's `redact` leaves it.
   */
  find(name: AttemptName): Promise<FoundAttempt | undefined>
  /** Ends an attempt; one that has ended stays as it is. Throws a `RequestError`, 503 while a call still runs. */
  end(session: RolloutKey & { readonly number: number }): Promise<void>
}

/** What {@link createSessions} needs. */
export interface SessionsSettings {
  readonly ledger: Pick<Ledger, 'findAttempt'>
  readonly begin: Begin
  readonly ender: Pick<Ender, 'end'>
  /** Validates an item; by default every item fits. */
  readonly readItem?: Environment<unknown, unknown, unknown>['readItem'] | undefined
  /** What is recorded of an item, if the environment redacts it. */
  readonly recordedItem?: ((item: unknown) => unknown) | undefined
  /** How long each may take altogether, in seconds: less than the trainer's own timeout. */
  readonly answerSeconds: number
  /** Aborted when the server stops. */
  readonly stopping: SharedSignal
}

/** Of how many rollouts the item is remembered, so that it is not read again with each of their calls. */
const mostItems = 2_000

/** Creates the verbs of wires with sessions. */
export function createSessions(settings: SessionsSettings): Sessions {
  const { ledger, begin, ender, readItem, recordedItem } = settings
  const answerInTime = createAnswerTimeout(settings.answerSeconds, settings.stopping)
  const late = () => new RequestError(503, 'answer_timed_out', 'the session was not answered in time; try again')
  const items = new LRUCache<string, KnownItem>({ max: mostItems })
  const keyOf = ({ run, rolloutId }: RolloutKey) => `${run}/${rolloutId}`
  return {
    async begin({ run, wire, key, rolloutId = `rollout_${randomUUID()}`, item }) {
      const read = readItem?.(item)
      if (read?.fits === false) {
        throw new RequestError(422, 'item_misfit', `the item does not fit the environment: ${read.message}`)
      }
      const stored = recordedItem === undefined ? item : recordedItem(item)
      const itemHash = contentHash(item)
      const request = { run, rolloutId, itemHash, item: stored, wire, key, isPart: async () => false }
      const { number } = await answerInTime(late, begin(request, item))
      return { run, rolloutId, number, itemHash }
    },
    async find(name) {
      const found = await answerInTime(late, ledger.findAttempt(name, items.get(keyOf(name))))
      if (found !== undefined) items.set(keyOf(name), { itemHash: found.itemHash, item: found.item })
      return found
    },
    end: ({ run, rolloutId, number }) => answerInTime(late, ender.end({ run, rolloutId, number })),
  }
}
