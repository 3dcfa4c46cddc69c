import { withDeadline } from '../../base/deadline.ts'
import type { ClosingSandbox } from '../../ledger/sandbox-closing.ts'
import { settleAll } from '../../runtime/concurrency.ts'
import { SandboxError } from '../../runtime/sandbox/provider.ts'
import { labelsOf, type SandboxServices } from './services.ts'

/** Closes sandboxes. */
export interface SandboxCloser {
  /** Closes those of an attempt that has ended. One that cannot be closed now is closed by the reaper. */
  end(attempt: { readonly run: string; readonly number: number }): Promise<void>
  /** Closes these; resolves with the number that could not be closed. */
  close(sandboxes: readonly ClosingSandbox[]): Promise<number>
}

/** How many sandboxes are closed at the same time. */
export const closedAtOnce = 16

/** Creates what closes sandboxes; `kick` is called after each, because a place has become free. */
export function createSandboxCloser(services: SandboxServices, kick: () => void): SandboxCloser {
  const { ledger, provider, times, meter, log, stopping } = services

  const ask = <Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> => {
    const late = () => new SandboxError('unavailable', `the provider did not answer within ${times.request} s`)
    return withDeadline({ seconds: times.request, late, parents: [stopping] }, work)
  }

  /** Every handle that a sandbox may have: its own, and those with its labels. */
  const handlesOf = async (sandbox: ClosingSandbox): Promise<readonly string[]> => {
    if (sandbox.handle !== null) return [sandbox.handle]
    const { installation, rollout, name } = labelsOf(services, sandbox, sandbox.generation)
    const found = await ask((signal) => provider.find({ installation, rollout, name }, signal))
    return found.map(({ handle }) => handle)
  }

  /** Resolves with whether it is closed; rejects if neither that nor its failure could be recorded. */
  const closeOne = async (sandbox: ClosingSandbox): Promise<boolean> => {
    const began = performance.now()
    try {
      // A server that uses that provider, on that host, closes it.
      if (sandbox.provider !== provider.name || sandbox.host !== (provider.host ?? null)) return false
      const handles = await handlesOf(sandbox)
      for (const handle of handles) await ask((signal) => provider.close(handle, signal))
      // A creation that was interrupted may still succeed: its place is kept until then.
      if (handles.length === 0 && sandbox.grantedFor < times.create) {
        await ledger.postponed(sandbox, 'close_awaits_creation')
        return false
      }
      await ledger.closed(sandbox)
      meter.time('close', (performance.now() - began) / 1000)
      meter.count('closed')
      kick()
      return true
    } catch (cause) {
      const code = cause instanceof SandboxError ? `close_${cause.code}` : 'close_failed'
      const { run, rollout: rolloutNumber, name, handle } = sandbox
      const facts = { run, rolloutNumber, sandbox: name, handle, cause }
      if (!stopping.aborted) {
        log.warn(
          { code: 'sandbox_not_closed', ...facts },
          'a sandbox could not be closed; it is tried again, and counts until then',
        )
      }
      await ledger.postponed(sandbox, code)
      return false
    }
  }

  const close = async (sandboxes: readonly ClosingSandbox[]): Promise<number> => {
    const outcomes = await settleAll(sandboxes, closedAtOnce, closeOne)
    const unrecorded = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    if (unrecorded.length > 0 && !stopping.aborted) {
      const facts = { code: 'sandbox_closing_not_recorded', sandboxes: unrecorded.length, cause: unrecorded[0] }
      log.warn(facts, 'the failure to close some sandboxes could not be recorded; they are closed again in a minute')
    }
    return outcomes.filter((outcome) => outcome.status === 'rejected' || !outcome.value).length
  }
  return {
    close,
    async end({ run, number }) {
      await close(await ledger.end(run, number))
    },
  }
}
