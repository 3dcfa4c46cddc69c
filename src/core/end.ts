import { setTimeout as sleep } from 'node:timers/promises'
import { shareSignal, withDeadline } from '../base/deadline.ts'
import type { Log } from '../base/log.ts'
import { RequestError } from '../kit/errors.ts'
import type { RolloutKey } from '../ledger/attempt.ts'
import type { EndedAttempt, EndPosition, EndSelection, LeasedAttempt } from '../ledger/ending.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { createEndLeases } from './end-leases.ts'

/** What {@link createEnder} needs. */
export interface EndSettings {
  readonly ledger: Pick<Ledger, 'endAttempts' | 'renewEnds' | 'releaseAttempt' | 'deleteAttempts' | 'deleteEmptyRun'>
  readonly log: Log
  /** The environment's `end`; undefined in environments without one. */
  readonly hook?: ((attempt: EndedAttempt, signal: AbortSignal) => Promise<void>) | undefined
  /** Whether attempts have rows that are deleted at their end. */
  readonly hasRows?: boolean
  /** Closes the sandboxes of an attempt; undefined in environments without any. It must not throw because one is stuck. */
  readonly closeSandboxes?: ((attempt: EndedAttempt) => Promise<void>) | undefined
  /** How long the hook may run, in seconds; default: a minute. */
  readonly hookSeconds?: number
  /** How long the lease on an attempt that is released lasts without renewal: after it, another process takes over. */
  readonly leaseSeconds: number
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

/** What came of releasing an attempt; `held`: another process has taken over its lease. */
type Released = { readonly state: 'released' | 'held' } | { readonly state: 'failed'; readonly cause: unknown }

/** How many attempts are looked at in a statement, ended in one, and have their hooks run at the same time. */
const readAtOnce = 2_000
const endedAtOnce = 500
const hooksAtOnce = 16
const deletedAtOnce = 200

const takenOver = new Error('another process has taken over the end of this rollout')

/** Creates the verb "end". */
export function createEnder(settings: EndSettings): Ender {
  const { ledger, log, hook, hookSeconds = 60, stopping } = settings
  const shared = shareSignal(stopping)
  const leases = createEndLeases(ledger, log, settings.leaseSeconds)
  const { closeSandboxes } = settings
  const hasWork = hook !== undefined || settings.hasRows === true || closeSandboxes !== undefined
  const leaseSeconds = hasWork ? settings.leaseSeconds : undefined
  const most = hasWork ? hooksAtOnce : endedAtOnce
  let place: EndPosition | undefined

  const runHook = async ({ lease: _, ...attempt }: LeasedAttempt, lost: AbortSignal): Promise<void> => {
    if (hook === undefined) return
    const late = () => new Error(`the end of a rollout took longer than ${hookSeconds} s`)
    const deadline = { seconds: hookSeconds, late, parents: [lost], shared }
    await withDeadline(deadline, (signal) => hook(attempt, signal))
  }

  /** Whether nobody else has taken over the lease, as far as is known. */
  const isHeld = (leased: LeasedAttempt): Promise<boolean> =>
    ledger.renewEnds([leased], settings.leaseSeconds).then(
      (renewed) => renewed.has(leased.number),
      () => true,
    )

  const release = async (leased: LeasedAttempt): Promise<Released> => {
    if (!hasWork) return { state: 'released' }
    const lost = new AbortController()
    const latest = leases.hold(leased, () => lost.abort(takenOver))
    try {
      try {
        await runHook(leased, lost.signal)
      } finally {
        // Also if the hook fails, which may happen again and again.
        await closeSandboxes?.(leased)
      }
      return { state: (await ledger.releaseAttempt(await latest())) ? 'released' : 'held' }
    } catch (cause) {
      const lease = await latest()
      // Another process ends it when the lease has run out.
      if (stopping.aborted) return { state: 'failed', cause }
      if (cause === takenOver || !(await isHeld(lease))) return { state: 'held' }
      const { run, rolloutId, attempt, outcome } = leased
      const facts = { run, rollout: rolloutId, attempt, outcome }
      log.error({ code: 'end_failed', ...facts, cause }, 'the end of a rollout failed; it is tried again')
      return { state: 'failed', cause }
    }
  }

  const endPage = async (selection: EndSelection, after: EndPosition | undefined) => {
    const { ended, held, next } = await ledger.endAttempts(selection, { after, read: readAtOnce, most, leaseSeconds })
    const released = await Promise.all(ended.map(release))
    const count = (state: Released['state']) => released.filter((one) => one.state === state).length
    return {
      ended: count('released'),
      held: held + count('held'),
      failed: count('failed'),
      next,
      cause: released.find((one) => one.state === 'failed')?.cause,
    }
  }

  const endAll = async (selection: Exclude<EndSelection, 'due'>): Promise<void> => {
    const until = performance.now() + settings.waitSeconds * 1000
    for (let pause = 25; ; pause = Math.min(pause * 2, 500)) {
      let held = 0
      for (let after: EndPosition | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
        const page = await endPage(selection, after)
        if (page.failed > 0) {
          throw new RequestError(500, 'end_failed', 'the end of a rollout failed; try again', { cause: page.cause })
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
        turn.ended += ended
        turn.failed += failed
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
