import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { withDeadline } from '../base/deadline.ts'
import type { Log } from '../base/log.ts'
import { RequestError } from '../kit/errors.ts'
import type { RolloutKey } from '../ledger/attempt.ts'
import type { EndedAttempt, EndPosition, EndSelection } from '../ledger/ending.ts'
import type { Ledger } from '../ledger/ledger.ts'

/** What {@link createEnder} needs. */
export interface EndSettings {
  readonly ledger: Pick<Ledger, 'endAttempts' | 'releaseAttempt' | 'deleteAttempts' | 'deleteEmptyRun'>
  readonly log: Log
  /** The environment's `end`; undefined in environments without one. */
  readonly hook?: ((attempt: EndedAttempt, signal: AbortSignal) => Promise<void>) | undefined
  /** Whether attempts have rows that are deleted at their end. */
  readonly hasRows?: boolean
  /** How long the hook may run, in seconds; default: a minute. */
  readonly hookSeconds?: number
  /** How long the verbs wait for calls that still run, in seconds. */
  readonly waitSeconds: number
  /** Aborted when the server stops and running work must end. */
  readonly stopping: AbortSignal
}

/** A turn of {@link Ender.endDue}. */
export interface EndTurn {
  readonly ended: number
  /** How many could not be released; they are tried again when their lease has run out. */
  readonly failed: number
  /** Whether the turn's time was up before all were found. */
  readonly isBacklog: boolean
}

/** The verb "end", and what deletes rollouts, which ends them first. */
export interface Ender {
  /** Ends the attempts that are due, for about `seconds`; the next turn continues where this one stopped. */
  endDue(seconds: number): Promise<EndTurn>
  /**
   * Ends the open attempts of a rollout, or the one with this number, and resolves when they are released. Throws a
   * `RequestError`, 503 if a call still runs after the waiting time, 500 if the hook fails.
   */
  end(rollout: RolloutKey & { readonly number?: number | undefined }): Promise<void>
  /**
   * Ends a rollout and deletes all its attempts; calls `onDeleted` after each batch. Resolves with their number. Throws like
   * {@link end}, and what `onDeleted` throws.
   */
  deleteRollout(rollout: RolloutKey, onDeleted?: (attempts: number) => void): Promise<number>
  /** Ends the rollouts of a run and deletes it with everything in it. Like {@link deleteRollout}. */
  deleteRun(run: string, onDeleted?: (attempts: number) => void): Promise<number>
}

interface Released {
  readonly isReleased: boolean
  /** Why it is not. */
  readonly cause?: unknown
}

/** How many attempts are looked at in a statement, ended in one, and have their hooks run at the same time. */
const readAtOnce = 2_000
const endedAtOnce = 500
const hooksAtOnce = 16
const deletedAtOnce = 200

/** How much longer than its hook may run an attempt is leased, in seconds: its rows are deleted in that time. */
const spareSeconds = 30

/** Creates the verb "end". */
export function createEnder(settings: EndSettings): Ender {
  const { ledger, log, hook, hookSeconds = 60, stopping } = settings
  // Every running hook listens to it.
  setMaxListeners(0, stopping)
  const hasWork = hook !== undefined || settings.hasRows === true
  const leaseSeconds = hasWork ? hookSeconds + spareSeconds : undefined
  const most = hasWork ? hooksAtOnce : endedAtOnce
  let place: EndPosition | undefined

  const release = async (attempt: EndedAttempt): Promise<Released> => {
    if (!hasWork) return { isReleased: true }
    try {
      const late = () => new Error(`the end of a rollout took longer than ${hookSeconds} s`)
      await withDeadline({ seconds: hookSeconds, late, parents: [stopping] }, async (signal) => hook?.(attempt, signal))
      await ledger.releaseAttempt(attempt)
      return { isReleased: true }
    } catch (cause) {
      // Another process ends it when the lease has run out.
      if (stopping.aborted) return { isReleased: false, cause }
      const { run, rolloutId, attempt: nth, outcome } = attempt
      const facts = { run, rollout: rolloutId, attempt: nth, outcome }
      log.error({ code: 'end_failed', ...facts, cause }, 'the end of a rollout failed; it is tried again')
      return { isReleased: false, cause }
    }
  }

  const endPage = async (selection: EndSelection, after: EndPosition | undefined) => {
    const { ended, held, next } = await ledger.endAttempts(selection, { after, read: readAtOnce, most, leaseSeconds })
    const failed = (await Promise.all(ended.map(release))).filter(({ isReleased }) => !isReleased)
    return { ended: ended.length, held, next, failed }
  }

  const endAll = async (selection: Exclude<EndSelection, 'due'>): Promise<void> => {
    const until = performance.now() + settings.waitSeconds * 1000
    for (let pause = 25; ; pause = Math.min(pause * 2, 500)) {
      let held = 0
      for (let after: EndPosition | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
        const page = await endPage(selection, after)
        const [failure] = page.failed
        if (failure !== undefined) {
          const message = 'the end of a rollout failed; try again'
          throw new RequestError(500, 'end_failed', message, { cause: failure.cause })
        }
        held += page.held
        after = page.next
      }
      if (held === 0) return
      if (performance.now() > until) {
        const message = `${held === 1 ? 'a rollout is' : `${held} rollouts are`} in use or being ended; try again`
        throw new RequestError(503, 'rollout_still_running', message, { retryAfterSeconds: 5 })
      }
      await sleep(pause)
    }
  }

  return {
    async endDue(seconds) {
      const until = performance.now() + seconds * 1000
      const turn = { ended: 0, failed: 0 }
      do {
        const { ended, failed, next } = await endPage('due', place)
        turn.ended += ended - failed.length
        turn.failed += failed.length
        place = next
      } while (place !== undefined && performance.now() < until && !stopping.aborted)
      return { ...turn, isBacklog: place !== undefined }
    },
    end: (rollout) => endAll(rollout),
    async deleteRollout({ run, rolloutId }, onDeleted) {
      await endAll({ run, rolloutId })
      return await ledger.deleteAttempts({ run, rolloutId }, deletedAtOnce, onDeleted)
    },
    async deleteRun(run, onDeleted) {
      await endAll({ run })
      const deleted = await ledger.deleteAttempts({ run }, deletedAtOnce, onDeleted)
      await ledger.deleteEmptyRun(run, deletedAtOnce)
      return deleted
    },
  }
}
