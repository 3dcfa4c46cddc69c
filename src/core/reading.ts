import { withDeadline } from '../base/deadline.ts'
import type { Tool } from '../kit/define-tool.ts'
import type { Recorded } from '../ledger/calls/call.ts'
import { fittingOutput } from './refusal.ts'
import type { Run, RunServices } from './services.ts'

type Reading = Extract<ReturnType<Extract<Tool, { effects: 'none' }>['open']>, { fits: true }>

/**
 * Runs a call of a tool that only reads: looked up first, run without lock or connection, recorded afterwards. Two
 * replicas at once may both run it, for nothing happens; the record that is written first is the answer of both.
 */
export async function runReading(services: RunServices, run: Run, tool: Reading): Promise<Recorded> {
  const { ledger, budget } = services
  const known = run.isNew ? undefined : await ledger.lookup(run.call)
  const stored = known?.call
  if (stored !== undefined && stored.outcome !== 'failed') return { call: stored, replayed: true }
  const startedAt = new Date()
  if (stored === undefined && budget !== undefined && known !== undefined && known.calls >= budget.calls) {
    return ledger.record({ ...run.call, outcome: 'refused', output: budget.refusal, code: null, startedAt })
  }
  const { rolloutId, callId } = run.call
  const output = await withDeadline({ ...run, parents: [services.stopping] }, (signal) =>
    tool.run({
      rolloutId,
      callId,
      attempt: (stored?.attempt ?? 0) + 1,
      signal,
      db: services.db,
      embed: services.embed,
      readState: () => ledger.readState(rolloutId),
    }),
  )
  const text = fittingOutput(output, services.maxOutputBytes)
  return ledger.record({ ...run.call, outcome: 'ok', output: text, code: null, startedAt })
}
