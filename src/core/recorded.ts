import type { CallIdentity, Recorded } from '../ledger/calls/call.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { failureOf } from './failure.ts'
import { refusalIn } from './refusal.ts'
import type { Unrecorded } from './unrecorded.ts'

/**
 * Sees to it that a call which did not end well is recorded too: as refused when it was the model's fault, else as
 * failed before the failure goes on to the trainer. A record that stands there after all, because a commit went through
 * whose answer was lost or a retry was faster, is the answer instead.
 */
export async function recordedWhateverHappens(
  ledger: Pick<Ledger, 'record'>,
  unrecorded: Unrecorded,
  call: CallIdentity,
  work: () => Promise<Recorded>,
): Promise<Recorded> {
  const startedAt = new Date()
  try {
    return await work().catch((error: unknown) => {
      const refusal = refusalIn(error)
      if (refusal === undefined) throw error
      return ledger.record({ ...call, outcome: 'refused', ...refusal, startedAt })
    })
  } catch (error) {
    const facts = { rollout: call.rolloutId, call: call.callId, tool: call.tool }
    const otherwise = { code: 'tool_failed', message: `the tool "${call.tool}" failed; try again` }
    const failure = failureOf(error, facts, otherwise, [call.arguments, call.item])
    const failed = { ...call, outcome: 'failed', output: '', code: failure.code, startedAt } as const
    const recorded = await unrecorded.record(failed)
    if (recorded?.call.outcome === 'ok' || recorded?.call.outcome === 'refused') return recorded
    throw failure
  }
}
