import { withDeadline } from '../../base/deadline.ts'
import type { KnownSandbox } from '../../ledger/sandbox-closing.ts'
import { type Found, SandboxError, type SandboxProvider } from '../../runtime/sandbox/provider.ts'
import type { SandboxCloser } from './closer.ts'
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
  for (const { handle, labels } of orphans) {
    try {
      await ask((signal) => provider.close(handle, signal))
      meter.count('orphans')
      log.warn({ code: 'sandbox_orphan', handle, ...labels }, 'a sandbox that belongs to no open rollout was closed')
    } catch (cause) {
      stuck += 1
      log.warn(
        { code: 'sandbox_not_closed', handle, ...labels, cause },
        'a sandbox without a rollout could not be closed',
      )
    }
  }

  const handles = new Set(listed.map(({ handle }) => handle))
  const labelled = new Set(listed.map(({ labels }) => keyOf(labels.rollout, labels.name)))
  let lost = 0
  for (const row of existing) {
    if (row.handle === null) {
      // A creation that failed, and of which nothing has turned up.
      if (!labelled.has(keyOf(String(row.rollout), row.name))) await ledger.absent(row, times.create)
      continue
    }
    const { handle } = row
    if (handles.has(handle) || (await ask((signal) => provider.alive(handle, signal)))) continue
    if (row.status === 'failed') await ledger.closed(row)
    else {
      lost += 1
      await ledger.lost(row, handle, 'sandbox_lost')
      meter.fail('sandbox_lost')
      const facts = { run: row.run, rolloutNumber: row.rollout, sandbox: row.name, handle }
      log.warn({ code: 'sandbox_lost', ...facts }, 'a sandbox of an open rollout does not exist any more')
    }
  }
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
