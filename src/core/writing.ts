import { withDeadline } from '../base/deadline.ts'
import type { Tool } from '../kit/define-tool.ts'
import type { Recorded } from '../ledger/calls/call.ts'
import { fittingOutput } from './refusal.ts'
import type { Run, RunServices } from './services.ts'

type Writing = Extract<ReturnType<Extract<Tool, { effects: 'database' }>['open']>, { fits: true }>

/** Runs a call of a tool whose effects are rows, in one transaction with its record. */
export function runWriting(services: RunServices, run: Run, tool: Writing): Promise<Recorded> {
  const { rolloutId, callId } = run.call
  return services.ledger.transact(run.call, run.seconds, async ({ tx, stored, attempt }) => {
    const done = await withDeadline({ ...run, parents: [services.stopping] }, (signal) =>
      tool.run({ rolloutId, callId, attempt, signal, embed: services.embed, tx, stored }),
    )
    return { ...done, output: fittingOutput(done.output, services.maxOutputBytes) }
  })
}
