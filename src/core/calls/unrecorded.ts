import { setTimeout as sleep } from 'node:timers/promises'
import { stringifyExactly } from '../../base/exact-json.ts'
import type { Log } from '../../base/log.ts'
import { ItemMismatchError, type RolloutKey } from '../../ledger/attempt.ts'
import type { CallIdentity, CallRecord, Recorded } from '../../ledger/calls/call.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { callFailure, type Refusal, recordedCause, refusalIn } from '../failure.ts'
import type { RunServices } from './run-tool.ts'

/** Failed calls that could not be recorded because the database was unavailable. */
export interface Unrecorded {
  /**
   * Records a failed call and returns what the ledger holds then. While the database does not accept it, this waits for
   * some seconds, because other replicas do not know of the failure yet; after that the call is recorded as soon as
   * possible, and the result is undefined.
   */
  record(failed: CallRecord): Promise<Recorded | undefined>
  /** Whether such a call of this rollout is still unrecorded: until it is recorded, the rollout must not be graded. */
  has(rollout: RolloutKey): boolean
  /** Resolves when no such call is left, or after `seconds`. */
  handIn(seconds: number): Promise<void>
}

/** How failed calls are kept. */
export interface UnrecordedSettings {
  /** The interval between two tries, in seconds. */
  readonly everySeconds: number
  /** How long a failure's answer is held back while it is not recorded, in seconds. */
  readonly holdSeconds: number
  /** The most bytes that their arguments and items may have together as JSON; further failures are dropped and logged. */
  readonly maxBytes: number
}

const defaults: UnrecordedSettings = { everySeconds: 0.5, holdSeconds: 5, maxBytes: 64 * 1024 * 1024 }

/** The most calls that are recorded together. */
const batchSize = 500

/** A failed call that waits to be recorded, and the requests that wait for it. */
interface Pending {
  readonly failed: CallRecord
  readonly waiters: Set<(recorded: Recorded) => void>
}

/**
 * Keeps such calls in memory and tries again, those that have waited longest first; a call that cannot be recorded does
 * not block the others. A call that a retry has completed meanwhile keeps that record.
 */
export function createUnrecorded(
  ledger: Pick<Ledger, 'record'>,
  log: Log,
  settings: Partial<UnrecordedSettings> = {},
): Unrecorded {
  const { everySeconds, holdSeconds, maxBytes } = { ...defaults, ...settings }
  /** By rollout, then by call. */
  const waiting = new Map<string, Map<string, Pending>>()
  let bytes = 0
  let isTrying = false

  const keep = (failed: CallRecord): Pending | undefined => {
    const rollout = keyOf(failed)
    const calls = waiting.get(rollout) ?? new Map<string, Pending>()
    const earlier = calls.get(failed.callId)
    if (earlier !== undefined) return earlier
    const size = sizeOf(failed)
    if (bytes + size > maxBytes) return undefined
    const pending: Pending = { failed, waiters: new Set() }
    waiting.set(rollout, calls.set(failed.callId, pending))
    bytes += size
    tryLater()
    return pending
  }
  const remove = (failed: CallRecord): void => {
    const calls = waiting.get(keyOf(failed))
    if (calls?.delete(failed.callId)) bytes -= sizeOf(failed)
    if (calls?.size === 0) waiting.delete(keyOf(failed))
  }
  const attempt = async ({ failed, waiters }: Pending): Promise<boolean> => {
    const rollout = keyOf(failed)
    const calls = waiting.get(rollout)
    try {
      const recorded = await ledger.record(failed)
      remove(failed)
      for (const resolve of waiters) resolve(recorded)
      return true
    } catch (error) {
      if (error instanceof ItemMismatchError) {
        remove(failed)
        return true
      }
      // To the end of the queue.
      if (calls !== undefined && waiting.delete(rollout)) waiting.set(rollout, calls)
      return false
    }
  }
  const flush = async () => {
    for (let progress = true; progress && waiting.size > 0; ) {
      const recorded = await Promise.all(firstOf(waiting).map(attempt))
      progress = recorded.includes(true)
    }
    isTrying = false
    tryLater()
  }
  const tryLater = () => {
    if (isTrying || waiting.size === 0) return
    isTrying = true
    setTimeout(() => void flush(), everySeconds * 1000).unref()
  }

  const recordedLater = ({ waiters }: Pending): Promise<Recorded | undefined> =>
    new Promise((resolve) => {
      const settle = (recorded?: Recorded) => {
        clearTimeout(timer)
        waiters.delete(settle)
        resolve(recorded)
      }
      const timer = setTimeout(settle, holdSeconds * 1000)
      waiters.add(settle)
    })

  return {
    has: (rollout) => waiting.has(keyOf(rollout)),
    async handIn(seconds) {
      const end = performance.now() + seconds * 1000
      while (waiting.size > 0 && performance.now() < end) await sleep(50)
    },
    async record(given) {
      // The record is idempotent: written twice because an answer was lost, it is still one failure.
      const failed = { ...given, finishedAt: given.finishedAt ?? new Date() }
      try {
        return await ledger.record(failed)
      } catch (cause) {
        if (cause instanceof ItemMismatchError) throw cause
        const pending = keep(failed)
        const facts = { run: failed.run, rollout: failed.rolloutId, call: failed.callId, tool: failed.tool, cause }
        if (pending === undefined) {
          log.error({ code: 'failure_forgotten', ...facts }, 'a failed call is not recorded: too many are waiting')
          return undefined
        }
        log.error({ code: 'failure_not_recorded', ...facts }, 'a failed call is not recorded yet')
        return recordedLater(pending)
      }
    },
  }
}

const keyOf = ({ run, rolloutId }: RolloutKey) => `${run}/${rolloutId}`

function firstOf(waiting: ReadonlyMap<string, ReadonlyMap<string, Pending>>): readonly Pending[] {
  const first: Pending[] = []
  for (const calls of waiting.values()) {
    first.push(...calls.values())
    if (first.length >= batchSize) break
  }
  return first
}

function sizeOf({ arguments: args, item }: CallRecord): number {
  return stringifyExactly([args, item]).length
}

/**
 * Runs `work` and records a call that does not end well: as refused if it is the model's fault, otherwise as failed
 * before the failure reaches the trainer. If the ledger already holds an answer, because a commit succeeded whose
 * confirmation was lost or because a retry was faster, that is the result instead. `work` calls `located` when it knows the
 * attempt to which the call belongs, so that its failure is recorded there.
 */
export async function recordingFailure(
  services: Pick<RunServices, 'ledger' | 'redact' | 'recordedOutput'>,
  unrecorded: Unrecorded,
  call: CallIdentity,
  work: (located: (number: number | undefined) => CallIdentity) => Promise<Recorded>,
): Promise<Recorded> {
  const startedAt = new Date()
  let known = call
  const located = (number: number | undefined) => {
    known = { ...call, number }
    return known
  }
  const recordFailure = async (error: unknown): Promise<Recorded> => {
    // Nothing is recorded in an attempt that belongs to another item.
    if (error instanceof ItemMismatchError) throw error
    const failure = callFailure(error, call)
    const cause = recordedCause(failure, services.redact)
    const failed = { ...known, outcome: 'failed', output: '', code: failure.code, cause, startedAt } as const
    const recorded = await unrecorded.record(failed)
    if (recorded?.call.outcome === 'ok' || recorded?.call.outcome === 'refused') return recorded
    throw failure
  }
  try {
    return await work(located)
  } catch (thrown) {
    const refusal = refusalIn(thrown)
    if (refusal === undefined) return await recordFailure(thrown)
    try {
      return await recordRefusal(services, { ...known, startedAt }, refusal)
    } catch (error) {
      return await recordFailure(error)
    }
  }
}

/** Records a call that the model got wrong. What is recorded of the text may be redacted; the model reads all of it. */
export async function recordRefusal(
  { ledger, recordedOutput }: Pick<RunServices, 'ledger' | 'recordedOutput'>,
  call: CallIdentity & Pick<CallRecord, 'startedAt'>,
  { code, output }: Refusal,
): Promise<Recorded> {
  const stored = recordedOutput?.(call.tool, output) ?? output
  const recorded = await ledger.record({ ...call, outcome: 'refused', code, output: stored })
  const isOwn = !recorded.replayed && recorded.call.code === code
  return isOwn ? { ...recorded, call: { ...recorded.call, output } } : recorded
}
