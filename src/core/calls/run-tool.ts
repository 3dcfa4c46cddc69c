import { type SharedSignal, withLazyDeadline } from '../../base/deadline.ts'
import type { Tool } from '../../kit/define-tool.ts'
import type { Db, Embed, Tx } from '../../kit/environment.ts'
import { type Budget, type CallIdentity, type Recorded, recordOf, type StoredCall } from '../../ledger/calls/call.ts'
import type { Located } from '../../ledger/calls/lookup.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { connectionOf } from '../../ledger/statement.ts'
import type { RowScope } from '../../postgres/scoped-db.ts'
import { fittingOutput } from '../failure.ts'
import type { Sandboxes } from '../sandboxes/sandboxes.ts'
import type { ClaimKeeper } from './claim-keeper.ts'

/** What running a call needs, whatever the tool's effects. */
export interface RunServices {
  readonly ledger: Ledger
  readonly db: Db
  readonly embed: Embed | undefined
  /** The scope of the rollout tables; undefined in environments without any. */
  readonly rows?: RowScope | undefined
  readonly budget: Budget | undefined
  /** The sandboxes of rollouts; undefined in environments without any. */
  readonly sandboxes?: Sandboxes | undefined
  readonly claims: ClaimKeeper
  /** What is recorded of an output, if the environment redacts it. */
  readonly recordedOutput?: ((tool: string, output: string) => string) | undefined
  /** Removes from an error's text what must not be read, such as the values of secret settings. */
  readonly redact: (text: string) => string
  /** The most bytes that an output may have as JSON. */
  readonly maxOutputBytes: number
  /** Aborted when the server stops and running work must end. */
  readonly stopping: SharedSignal
}

/** One call about to run. */
export interface Run {
  readonly call: CallIdentity
  /** Whether the tool's `db` reaches the rows of its rollout. */
  readonly rows: boolean
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
  { call, rows, seconds, late }: Run,
  found: Located | undefined,
  tool: Opened<'none'>,
): Promise<Recorded> {
  const { ledger, budget } = services
  const startedAt = new Date()
  const began = performance.now()
  const stored = found?.stored
  if (stored === undefined && budget !== undefined && found !== undefined && found.calls >= budget.calls) {
    return ledger.record(recordOf(call, { outcome: 'refused', output: budget.refusal, code: null, startedAt }))
  }
  const { rolloutId, callId } = call
  const output = await withLazyDeadline({ seconds, late, shared: services.stopping }, (signal) =>
    tool.run({
      run: call.run,
      rolloutId,
      callId,
      execution: (stored?.execution ?? 0) + 1,
      signal,
      db: databaseOf(services, rows, found?.number ?? call.number),
      embed: services.embed,
      readState: async () => ledger.readState(call.run, (found ?? (await ledger.locate(call))).number),
    }),
  )
  const text = fittingOutput(output, services.maxOutputBytes)
  const recorded = services.recordedOutput?.(call.tool, text) ?? text
  const ranMs = found === undefined ? performance.now() - began : undefined
  const done = recordOf(call, { outcome: 'ok', output: recorded, code: null, startedAt, ranMs })
  return answered(await ledger.record(done), text)
}

/** Runs a call of a tool with `effects: 'database'` in one transaction with its record. */
export function runInTransaction(
  services: RunServices,
  { call, rows: _, ...run }: Run,
  tool: Opened<'database'>,
): Promise<Recorded> {
  const { rolloutId, callId } = call
  return services.ledger.transact(call, run.seconds, async ({ tx, stored, execution }) => {
    const work = () =>
      withLazyDeadline({ ...run, shared: services.stopping }, (signal) =>
        tool.run({
          run: call.run,
          rolloutId,
          callId,
          execution,
          embed: services.embed,
          tx,
          stored,
          signal,
        }),
      )
    const done = await withinRows(services, tx, call.number, work)
    const output = fittingOutput(done.output, services.maxOutputBytes)
    return { ...done, output, recorded: services.recordedOutput?.(call.tool, output) ?? output }
  })
}

/** The database of a tool or a grader: limited to the rows of its attempt, in an environment with rollout tables. */
export function databaseOf({ db, rows }: Pick<RunServices, 'db' | 'rows'>, usesRows: boolean, number?: number): Db {
  if (rows === undefined) return db
  return usesRows && number !== undefined ? rows.of(number) : rows.outside
}

/** Runs work in a transaction that is limited to the rows of an attempt meanwhile. If the work fails, it stays so. */
async function withinRows<Result>(
  { rows }: Pick<RunServices, 'rows'>,
  tx: Tx,
  number: number | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  if (rows === undefined) return await work()
  if (number === undefined) throw new Error('a call in an environment with rollout tables has no attempt')
  const connection = connectionOf(tx)
  const entered = rows.enter(connection, number)
  try {
    return await work()
  } catch (error) {
    // If the rights could not be limited, this is why the work failed.
    await entered
    throw error
  } finally {
    // Sent before what the ledger writes; without effect in a transaction that has failed.
    rows.leave(connection).catch(() => undefined)
  }
}

/** The answer to an execution whose recorded output may be redacted. */
export function answered({ call, replayed }: Recorded, output: string): Recorded {
  return replayed || call.outcome !== 'ok' ? { call, replayed } : { call: withOutput(call, output), replayed }
}

function withOutput(call: StoredCall, output: string): StoredCall {
  return call.output === output ? call : { ...call, output }
}
