import { withDeadline } from '../base/deadline.ts'
import type { Tool } from '../kit/define-tool.ts'
import type { Db, Embed } from '../kit/environment.ts'
import { type Budget, type CallIdentity, ItemMismatchError, isOtherItem, type Recorded } from '../ledger/calls/call.ts'
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
  /** Whether the server generated the call's id, so that it cannot have been recorded before. */
  readonly isNew: boolean
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

/**
 * Runs a call of a tool with `effects: 'none'`: looks it up, runs it without lock or connection, and records it
 * afterwards. Two replicas may both run it, which does no harm; the first record is the answer of both.
 */
export async function runWithoutEffects(services: RunServices, run: Run, tool: Opened<'none'>): Promise<Recorded> {
  const { ledger, budget } = services
  const known = run.isNew ? undefined : await ledger.lookup(run.call)
  if (isOtherItem(known?.itemHash, run.call.itemHash)) {
    throw new ItemMismatchError(run.call.rolloutId)
  }
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

/** Runs a call of a tool with `effects: 'database'` in one transaction with its record. */
export function runInTransaction(services: RunServices, run: Run, tool: Opened<'database'>): Promise<Recorded> {
  const { rolloutId, callId } = run.call
  return services.ledger.transact(run.call, run.seconds, async ({ tx, stored, attempt }) => {
    const done = await withDeadline({ ...run, parents: [services.stopping] }, (signal) =>
      tool.run({ rolloutId, callId, attempt, signal, embed: services.embed, tx, stored }),
    )
    return { ...done, output: fittingOutput(done.output, services.maxOutputBytes) }
  })
}
