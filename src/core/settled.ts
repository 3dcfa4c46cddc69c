import { setTimeout as sleep } from 'node:timers/promises'
import { UngradableError } from '../kit/errors.ts'
import type { GradingIdentity } from '../ledger/gradings/grading-lookup.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { RecordedRollout } from '../ledger/rollout.ts'

/** What {@link settled} needs. */
export interface SettlingSettings {
  readonly ledger: Pick<Ledger, 'findGrading' | 'readRollout'>
  /** Whether a call of this rollout runs in this process, or waits to be recorded as failed. */
  readonly isBusy: (rolloutId: string) => boolean
  /** How long it waits for calls that still run, in seconds. */
  readonly waitSeconds: number
}

/**
 * Reads the rollout once none of its calls runs any more, or resolves with the stored score if there is one; throws if
 * calls still run after the waiting time, or if one of them failed.
 */
export async function settled(settings: SettlingSettings, grading: GradingIdentity): Promise<RecordedRollout | number> {
  const { ledger, isBusy, waitSeconds } = settings
  const end = performance.now() + waitSeconds * 1000
  for (let pause = 25; ; pause = Math.min(pause * 2, 500)) {
    // In this order: a call that has ended by the time of one question is visible to those that follow.
    const wasBusy = isBusy(grading.rolloutId)
    const { score, inTransaction } = await ledger.findGrading(grading)
    if (score !== undefined) return score
    const rollout = await ledger.readRollout(grading.rolloutId)
    if (!wasBusy && !inTransaction && !rollout.running) {
      if (rollout.failed === undefined) return rollout
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

/** Reads the rollout once none of its calls runs any more, whatever its gradings. Throws like {@link settled}. */
export async function settledRollout(settings: SettlingSettings, rolloutId: string): Promise<RecordedRollout> {
  // No grader has this name, so no score can be stored.
  const rollout = await settled(settings, { rolloutId, grader: '', sampleHash: '', itemHash: '' })
  if (typeof rollout === 'number') throw new Error('a score is stored for a grader without a name')
  return rollout
}
