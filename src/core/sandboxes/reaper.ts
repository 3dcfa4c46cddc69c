import { withDeadline } from '../../base/deadline.ts'
import type { KnownSandbox } from '../../ledger/sandbox-closing.ts'
import { settleAll } from '../../runtime/concurrency.ts'
import { type Found, SandboxError, type SandboxProvider } from '../../runtime/sandbox/provider.ts'
import { closedAtOnce, type SandboxCloser } from './closer.ts'
import type { SandboxServices } from './services.ts'

/** What a turn of the reaper found and did. */
export interface Reaped {
  /** How many sandboxes the provider lists for this installation. */
  readonly listed: number
  /** How many of these belong to no open rollout; they are closed. */
  readonly orphans: number
  /** How many sandboxes that were to be closed are not, including orphans. */
  readonly stuck: number
  /** How many open sandboxes do not exist any more: they are recorded as lost. */
  readonly lost: number
}

/** The most sandboxes that are closed in a statement's turn, and how long one is young, in seconds. */
const most = 500
const youngSeconds = 60

/** Another host whose sandboxes nobody has served for so long has gone with them, in seconds. */
const hostGoneSeconds = 900

/**
 * Closes what must not exist any more, and records what does not exist although it should. It works from the provider's own
 * list of what carries this installation's label, and not from memory. May run concurrently with itself.
 */
export async function reap(services: SandboxServices, closer: SandboxCloser): Promise<Reaped> {
  const { ledger, provider, installation, times, meter, log, stopping } = services
  const ask = <Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> => {
    const late = () => new SandboxError('unavailable', `the provider did not answer within ${times.request} s`)
    return withDeadline({ seconds: times.request, late, parents: [stopping] }, work)
  }
  if (provider.host !== undefined) await ledger.beat(provider.host)
  await ledger.abandon(hostGoneSeconds)
  const due = await ledger.due(provider.name, provider.host, most)
  let stuck = await closer.close(due)

  // In this order: what is listed was recorded before it was created.
  const existing = await ledger.existing(provider.name, provider.host, youngSeconds)
  const listed = await ask((signal) => provider.find({ installation }, signal))
  const known = await ledger.known([...new Set(listed.map(({ labels }) => labels.rollout))].filter(isNumber))
  const byKey = new Map(known.map((row) => [keyOf(String(row.rollout), row.name), row]))
  const recorded = ({ labels }: Found) => byKey.get(keyOf(labels.rollout, labels.name))
  const orphans = listed.filter((found) => isOrphan(found, recorded(found), provider))
  const closeOrphan = async ({ handle, labels }: Found): Promise<boolean> => {
    try {
      await ask((signal) => provider.close(handle, signal))
      meter.count('orphans')
      log.warn({ code: 'sandbox_orphan', handle, ...labels }, 'a sandbox that belongs to no open rollout was closed')
      return true
    } catch (cause) {
      const message = 'a sandbox without a rollout could not be closed'
      if (!stopping.aborted) log.warn({ code: 'sandbox_not_closed', handle, ...labels, cause }, message)
      return false
    }
  }
  const closed = await settleAll(orphans, closedAtOnce, closeOrphan)
  stuck += closed.filter((outcome) => outcome.status === 'rejected' || !outcome.value).length

  const handles = new Set(listed.map(({ handle }) => handle))
  const labelled = new Set(listed.map(({ labels }) => keyOf(labels.rollout, labels.name)))
  /** Records what is missing in the list; resolves with whether it is an open sandbox that is lost. */
  const lookFor = async (row: KnownSandbox): Promise<boolean> => {
    const { handle } = row
    if (handle === null) {
      // A creation that failed, and and nothing was found for it.
      if (!labelled.has(keyOf(String(row.rollout), row.name))) await ledger.absent(row, times.create)
      return false
    }
    if (handles.has(handle) || (await ask((signal) => provider.alive(handle, signal)))) return false
    await ledger.lost(row, handle, 'sandbox_lost')
    meter.fail('sandbox_lost')
    const facts = { run: row.run, rolloutNumber: row.rollout, sandbox: row.name, handle }
    log.warn({ code: 'sandbox_lost', ...facts }, 'a sandbox of an open rollout does not exist any more')
    return true
  }
  const looked = await settleAll(existing, closedAtOnce, lookFor)
  const unknown = looked.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  if (unknown.length > 0 && !stopping.aborted) {
    const facts = { code: 'sandbox_not_looked_for', sandboxes: unknown.length, cause: unknown[0] }
    log.warn(facts, 'it is not known whether some sandboxes exist; they are looked for again in the next turn')
  }
  const lost = looked.filter((outcome) => outcome.status === 'fulfilled' && outcome.value).length
  return { listed: listed.length, orphans: orphans.length, stuck, lost }
}

/** Whether a listed sandbox belongs to no open rollout. One that is being opened or closed is left to those who do it. */
function isOrphan({ handle, labels }: Found, row: KnownSandbox | undefined, { name, host }: SandboxProvider): boolean {
  // The rollout went on with a sandbox of another host or provider; its handle may be the same.
  if (row === undefined || row.provider !== name || row.host !== (host ?? null)) return true
  if (row.status === 'open') return row.handle !== handle
  // What a failed creation left is adopted by the rollout's next call, or closed at its end.
  return !row.hasPlace || Number(labels.generation) > row.generation
}

const isNumber = (text: string) => /^\d{1,15}$/.test(text)
const keyOf = (rollout: string, name: string) => `${rollout}/${name}`
