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
 * Reads the rollout once none of its calls runs any more, or gives the score where there is one; throws when that does not
 * come or one of the calls failed.
 */
export async function settled(settings: SettlingSettings, grading: GradingIdentity): Promise<RecordedRollout | number> {
  const { ledger, isBusy, waitSeconds } = settings
  const end = performance.now() + waitSeconds * 1000
  for (let pause = 25; ; pause = Math.min(pause * 2, 500)) {
    // In this order: what is not running any more by the time it is asked for is seen by what is read then.
    const wasBusy = isBusy(grading.rolloutId)
    const { score, inTransaction } = await ledger.findGrading(grading)
    if (score !== undefined) return score
    const rollout = await ledger.readRollout(grading.rolloutId)
    if (!wasBusy && !inTransaction && !rollout.running) {
      if (rollout.failed === undefined) return rollout
      const { callId, tool } = rollout.failed
      const message = `call "${callId}" of "${tool}" failed for reasons of the server's and never succeeded`
      throw new UngradableError(500, 'rollout_has_failed_call', message, { details: { call: callId, tool } })
    }
    if (performance.now() > end) {
      const message = 'a tool call of the rollout is still running; try again'
      throw new UngradableError(503, 'rollout_still_running', message, { retryAfterSeconds: 5 })
    }
    await sleep(pause)
  }
}

/** The same for a rollout of which no stored score is asked: what it did, once none of its calls runs any more. */
export async function settledRollout(settings: SettlingSettings, rolloutId: string): Promise<RecordedRollout> {
  // No grader is named so: nothing can be stored of it.
  const rollout = await settled(settings, { rolloutId, grader: '', sampleHash: '', itemHash: '' })
  if (typeof rollout === 'number') throw new Error('a score of no grader is stored')
  return rollout
}
