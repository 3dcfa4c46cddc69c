import { setTimeout as sleep } from 'node:timers/promises'
import { RequestError, UngradableError } from '../../kit/errors.ts'
import { ItemMismatchError, noItemHash, placeOf, type RolloutKey } from '../../ledger/attempt.ts'
import type { GradingIdentity, GradingState, StoredScore } from '../../ledger/gradings/grading-lookup.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { emptyRollout, type RecordedRollout } from '../../ledger/rollout.ts'

/** What {@link settled} needs. */
export interface SettlingSettings {
  readonly ledger: Pick<Ledger, 'findGrading' | 'findScoreElsewhere' | 'readRollout'>
  /** Whether a call of this rollout runs in this process, or waits to be recorded as failed. */
  readonly isBusy: (rollout: RolloutKey) => boolean
  /** How long it waits for calls that still run, in seconds. */
  readonly waitSeconds: number
  /** Keeps an attempt from ending while it is graded; resolves with false if it has ended. By default nothing does. */
  readonly hold?: ((attempt: { readonly run: string; readonly number: number }) => Promise<boolean>) | undefined
}

/** The score that is stored for a grading, or the attempt that it grades, settled. */
export type Settled =
  | { readonly stored: StoredScore; readonly number: number }
  | {
      readonly stored: undefined
      /** Undefined for an attempt that is not recorded yet. */
      readonly number: number | undefined
      readonly attempt: number
      /** Whether the environment's `begin` has run in it. */
      readonly begun: boolean
      readonly rollout: RecordedRollout
    }

/**
 * Finds the attempt to which a grading belongs and reads it once none of its calls runs any more, or resolves with the
 * stored score if there is one; throws if calls still run after the waiting time, if one of them failed, or if the rollout
 * was recorded with another item and was not graded since, or if the attempt that the grading names has ended.
 */
export async function settled(settings: SettlingSettings, grading: GradingIdentity): Promise<Settled> {
  return await poll(settings, grading, async (found) => {
    const { latest, stored } = found
    if (latest !== undefined && stored !== undefined) return { stored, number: latest.number }
    if (grading.number !== undefined && latest?.ended !== false) throw rolloutEnded()
    const place = placeOf(latest, grading.itemHash, true)
    if (place === 'here' && latest !== undefined) return latest
    if (place !== 'new') {
      const earlier = await settings.ledger.findScoreElsewhere(grading)
      if (earlier !== undefined) return { stored: earlier, number: earlier.number }
      if (place === 'other item') throw new ItemMismatchError(grading.rolloutId)
    }
    return { number: undefined, attempt: (latest?.attempt ?? 0) + 1, begun: false }
  })
}

/** Reads the latest attempt once none of its calls runs any more, whatever its gradings. Throws like {@link settled}. */
export async function settledRollout(
  settings: SettlingSettings,
  rollout: RolloutKey & { readonly number?: number | undefined },
): Promise<RecordedRollout> {
  // No grader has this name, so no score can be stored.
  const grading = { ...rollout, grader: '', sampleHash: '', itemHash: noItemHash }
  const found = await poll(
    settings,
    grading,
    async ({ latest }) => latest ?? { number: undefined, attempt: 1, begun: false },
  )
  if (found.stored !== undefined) throw new Error('a score is stored for a grader without a name')
  return found.rollout
}

const rolloutEnded = () => new RequestError(409, 'rollout_ended', 'the rollout has ended; begin another one')

type Chosen =
  | { readonly stored: StoredScore; readonly number: number }
  | {
      readonly stored?: undefined
      readonly number: number | undefined
      readonly attempt: number
      readonly begun: boolean
    }

async function poll(
  { ledger, isBusy, waitSeconds, hold }: SettlingSettings,
  grading: GradingIdentity,
  choose: (found: GradingState) => Promise<Chosen>,
): Promise<Settled> {
  const end = performance.now() + waitSeconds * 1000
  for (let pause = 25; ; pause = Math.min(pause * 2, 500)) {
    // In this order: a call that has ended by the time of one question is visible to those that follow.
    const wasBusy = isBusy(grading)
    const found = await ledger.findGrading(grading)
    const chosen = await choose(found)
    if (chosen.stored !== undefined) return { stored: chosen.stored, number: chosen.number }
    const { number, attempt, begun } = chosen
    // Before it is read: what it holds is there until its grading has ended.
    if (number !== undefined && hold !== undefined && !(await hold({ run: grading.run, number }))) {
      if (grading.number === undefined) continue
      throw rolloutEnded()
    }
    const rollout = number === undefined ? emptyRollout : await ledger.readRollout({ run: grading.run, number })
    if (!wasBusy && !found.inTransaction && !rollout.running) {
      if (rollout.failed === undefined) return { stored: undefined, number, attempt, begun, rollout }
      const { callId, tool } = rollout.failed
      const message = `call "${callId}" of "${tool}" failed because of the server and has not succeeded since`
      throw new UngradableError(500, 'rollout_has_failed_call', message, { details: { call: callId, tool } })
    }
    if (performance.now() > end) {
      const message = 'a tool call of the rollout is still running; try again'
      throw new UngradableError(503, 'rollout_still_running', message, { retryAfterSeconds: 5 })
    }
    await sleep(pause)
  }
}
