import { withDeadline } from '../base/deadline.ts'
import type { Tool } from '../kit/define-tool.ts'
import type { Db, Embed } from '../kit/environment.ts'
import type { Budget, CallIdentity, Recorded, StoredCall } from '../ledger/calls/call.ts'
import type { Located } from '../ledger/calls/lookup.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { ClaimKeeper } from './claim-keeper.ts'
import { fittingOutput } from './failure.ts'

/** What running a call needs, whatever the tool's effects. */
export interface RunServices {
  readonly ledger: Ledger
  readonly db: Db
  readonly embed: Embed | undefined
  readonly budget: Budget | undefined
  readonly claims: ClaimKeeper
  /** What is recorded of an output, if the environment redacts it. */
  readonly recordedOutput?: ((tool: string, output: string) => string) | undefined
  /** Removes from an error's text what must not be read, such as the values of secret settings. */
  readonly redact: (text: string) => string
  /** The most bytes that an output may have as JSON. */
  readonly maxOutputBytes: number
  /** Aborted when the server stops and running work must end. */
  readonly stopping: AbortSignal
}

/** One call about to run. */
export interface Run {
  readonly call: CallIdentity
  /** How long the tool may run, in seconds. */
  readonly seconds: number
  /** Creates the error for a tool that exceeds that time. */
  readonly late: () => Error
}

/** An opened tool, by its effects: input and item have been validated. */
export type Opened<Effects extends Tool['effects']> = Extract<
  ReturnType<Extract<Tool, { effects: Effects }>['open']>,
  { fits: true }
>

/** An answer from the ledger; undefined for a call that is not recorded, still runs, or failed and runs again. */
export function replayOf({ stored }: Located): Recorded | undefined {
  return stored?.outcome === 'ok' || stored?.outcome === 'refused' ? { call: stored, replayed: true } : undefined
}

/**
 * Runs a call of a tool with `effects: 'none'` that is not answered yet, without lock or connection, and records it
 * afterwards. Two replicas may both run it, which does no harm; the first record is the answer of both. `found` is where it
 * belongs; undefined for a call that cannot have been recorded before.
 */
export async function runWithoutEffects(
  services: RunServices,
  { call, ...run }: Run,
  found: Located | undefined,
  tool: Opened<'none'>,
): Promise<Recorded> {
  const { ledger, budget } = services
  const startedAt = new Date()
  const stored = found?.stored
  if (stored === undefined && budget !== undefined && found !== undefined && found.calls >= budget.calls) {
    return ledger.record({ ...call, outcome: 'refused', output: budget.refusal, code: null, startedAt })
  }
  const { rolloutId, callId } = call
  const output = await withDeadline({ ...run, parents: [services.stopping] }, (signal) =>
    tool.run({
      run: call.run,
      rolloutId,
      callId,
      execution: (stored?.execution ?? 0) + 1,
      signal,
      db: services.db,
      embed: services.embed,
      readState: async () => ledger.readState(call.run, (found ?? (await ledger.locate(call))).number),
    }),
  )
  const text = fittingOutput(output, services.maxOutputBytes)
  const recorded = services.recordedOutput?.(call.tool, text) ?? text
  return answered(await ledger.record({ ...call, outcome: 'ok', output: recorded, code: null, startedAt }), text)
}

/** Runs a call of a tool with `effects: 'database'` in one transaction with its record. */
export function runInTransaction(
  services: RunServices,
  { call, ...run }: Run,
  tool: Opened<'database'>,
): Promise<Recorded> {
  const { rolloutId, callId } = call
  return services.ledger.transact(call, run.seconds, async ({ tx, stored, execution }) => {
    const done = await withDeadline({ ...run, parents: [services.stopping] }, (signal) =>
      tool.run({ run: call.run, rolloutId, callId, execution, signal, embed: services.embed, tx, stored }),
    )
    const output = fittingOutput(done.output, services.maxOutputBytes)
    return { ...done, output, recorded: services.recordedOutput?.(call.tool, output) ?? output }
  })
}

/** The answer to an execution whose recorded output may be redacted. */
export function answered({ call, replayed }: Recorded, output: string): Recorded {
  return replayed || call.outcome !== 'ok' ? { call, replayed } : { call: withOutput(call, output), replayed }
}

function withOutput(call: StoredCall, output: string): StoredCall {
  return call.output === output ? call : { ...call, output }
}
