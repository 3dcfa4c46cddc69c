import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { withLazyDeadline } from '../../base/deadline.ts'
import { RequestError } from '../../kit/errors.ts'
import { type CallEnd, type CallIdentity, type Recorded, recordOf, type StoredCall } from '../../ledger/calls/call.ts'
import { standing } from '../../ledger/calls/call-statement.ts'
import type { ClaimEnd } from '../../ledger/calls/claims.ts'
import { persistently } from '../../ledger/statement.ts'
import { callFailure, fittingOutput, recordedCause, refusalIn } from '../failure.ts'
import { SandboxFailure } from '../sandboxes/failure.ts'
import type { SandboxUse } from '../sandboxes/use.ts'
import { databaseOf, type Opened, type Run, type RunServices } from './run-tool.ts'
import { recordingFailure, type Unrecorded } from './unrecorded.ts'

type Change = ((stored: unknown) => unknown) | undefined

/**
 * Runs a call of a tool with `effects: 'external'`: claims it, runs it without a connection, and settles it. While another
 * request holds the claim, it waits for that answer; a claim whose lease has run out is taken over, as one more execution.
 * Places for its sandboxes are waited for before it is claimed: a call that gets none is not recorded.
 *
 * Rejects with the tool's failure once that is settled, or at `waitUntil`, a time of `performance.now()`, with a 503 if
 * the other request has not answered.
 */
export async function runExternal(
  services: RunServices,
  unrecorded: Unrecorded,
  run: Run,
  tool: Opened<'external'>,
  waitUntil: number,
  boxes: SandboxUse | undefined,
): Promise<Recorded> {
  const { ledger, claims } = services
  const unopened =
    boxes && (await reserve(boxes, (failing) => recordingFailure(services, unrecorded, run.call, failing)))
  if (unopened !== undefined) return unopened
  for (;;) {
    const token = randomUUID()
    const claim = { token, leaseSeconds: claims.leaseSeconds }
    const begun = { outcome: 'running', output: '', code: null, startedAt: new Date(), claim } as const
    const claiming = () => ledger.record(recordOf(run.call, begun))
    const recorded = await recordingFailure(services, unrecorded, run.call, claiming)
    const { call } = recorded
    if (call.outcome !== 'running') return recorded
    if (call.claim === token) {
      const end = await runClaimed(services, run, tool, { call, token }, boxes)
      if (end) return { call: standing(recordOf(run.call, end), call), replayed: false }
    }
    await otherExecution(services, { ...run.call, number: call.number }, waitUntil)
  }
}

/**
 * Waits for the places of a call. What fails is recorded, but for a call that gets no place: it has not begun. Resolves with
 * the recorded answer if another request has made the call meanwhile.
 */
async function reserve(
  boxes: SandboxUse,
  record: (failing: () => Promise<never>) => Promise<Recorded>,
): Promise<Recorded | undefined> {
  try {
    await boxes.reserve()
    return undefined
  } catch (error) {
    const hasNoPlace = error instanceof SandboxFailure && error.code === 'sandbox_queue_full'
    if (hasNoPlace || (error instanceof RequestError && error.status < 500)) throw error
    return await record(() => Promise.reject(error))
  }
}

/** Waits until the call is settled or its lease has run out. */
async function otherExecution({ ledger }: RunServices, call: CallIdentity, waitUntil: number): Promise<void> {
  for (let pause = 50; ; pause = Math.min(pause * 1.5, 1_000)) {
    const { stored } = await ledger.locate(call)
    if (stored === undefined || stored.outcome !== 'running' || stored.lapsed) return
    if (performance.now() > waitUntil) throw stillRunning()
    await sleep(pause)
  }
}

function stillRunning(): RequestError {
  const message = 'another execution of this call is still running; try again'
  return new RequestError(503, 'call_still_running', message, { retryAfterSeconds: 5 })
}

/** Runs a call under a claim of this process and settles it; resolves with undefined if the claim was lost meanwhile. */
async function runClaimed(
  services: RunServices,
  { call, rows, ...run }: Run,
  tool: Opened<'external'>,
  { call: claimed, token }: { readonly call: StoredCall; readonly token: string },
  boxes: SandboxUse | undefined,
): Promise<CallEnd | undefined> {
  const { rolloutId, callId, number, execution } = claimed
  const startedAt = new Date()
  const lost = new AbortController()
  const release = services.claims.hold({ run: call.run, token }, () =>
    lost.abort(new Error('the claim was taken over')),
  )
  const settle = async (end: ClaimEnd, change?: Change) => {
    // The effect has happened, and only its record prevents a second one.
    const held = await persistently(services.claims.leaseSeconds, () => services.ledger.settle(claimed, end, change))
    return held ? { ...end, startedAt } : undefined
  }
  try {
    await boxes?.open()
    const { output, change } = await withLazyDeadline(
      { ...run, parents: [lost.signal], shared: services.stopping },
      (signal) =>
        tool.run({
          run: call.run,
          rolloutId,
          callId,
          execution,
          signal,
          db: databaseOf(services, rows, number),
          embed: services.embed,
          readState: () => services.ledger.readState(call.run, number),
          ...(boxes && { sandboxes: boxes.handles(signal) }),
        }),
    )
    boxes?.mustBeIntact()
    const text = fittingOutput(output, services.maxOutputBytes)
    const recorded = services.recordedOutput?.(call.tool, text) ?? text
    const end = await settle({ outcome: 'ok', output: recorded, code: null }, change)
    return end && { ...end, output: text }
  } catch (error) {
    if (lost.signal.aborted) return undefined
    const refusal = boxes?.failure === undefined ? refusalIn(error) : undefined
    if (refusal) {
      const output = services.recordedOutput?.(call.tool, refusal.output) ?? refusal.output
      const end = await settle({ outcome: 'refused', code: refusal.code, output })
      return end && { ...end, output: refusal.output }
    }
    const failure = callFailure(boxes?.failure ?? error, call)
    const cause = recordedCause(failure, services.redact)
    await settle({ outcome: 'failed', output: '', code: failure.code, cause }).catch(() => undefined)
    throw failure
  } finally {
    release()
  }
}
