import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { withDeadline } from '../../base/deadline.ts'
import { RequestError } from '../../kit/errors.ts'
import type { SandboxPlan } from '../../kit/sandboxes.ts'
import type { SandboxKey, SandboxRow } from '../../ledger/sandboxes.ts'
import { persistently } from '../../ledger/statement.ts'
import { isUnavailable } from '../../postgres/database.ts'
import { type Found, SandboxError, type SandboxLabels } from '../../runtime/sandbox/provider.ts'
import { makeFailure, SandboxFailure, sandboxFailure } from './failure.ts'
import type { SandboxQueue } from './queue.ts'
import { labelsOf, type SandboxServices } from './services.ts'

/** An open sandbox. */
export type OpenSandbox = SandboxRow & { readonly handle: string }

/** A place for a sandbox that is about to be opened, or one that is open. */
export type Place =
  | { readonly isOpen: true; readonly sandbox: OpenSandbox }
  | {
      readonly isOpen: false
      /** Creates it, or finds the one that an interrupted request created. Throws a {@link SandboxFailure}. */
      open(template: string): Promise<OpenSandbox>
      /** Gives the place up, if it was not used. */
      release(): Promise<void>
    }

/** Opens sandboxes, each once. */
export interface SandboxOpener {
  /**
   * Waits for a place, or for the request that opens the sandbox already. Throws a {@link SandboxFailure}: 503 if there is no
   * place in time, 500 if the sandbox is lost; or a `RequestError`, 409, if the rollout has ended.
   */
  reserve(key: SandboxKey): Promise<Place>
}

/** Creates the opener of a process. */
export function createSandboxOpener(services: SandboxServices, queue: SandboxQueue): SandboxOpener {
  const { ledger, provider, plans, times, meter, stopping } = services

  /** Asks the provider, in time and until the server stops. */
  const ask = <Result>(seconds: number, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> => {
    const late = () => new SandboxError('unavailable', `the provider did not answer within ${seconds} s`)
    return withDeadline({ seconds, late, parents: [stopping] }, work)
  }

  /** Waits, until the server stops. */
  const rest = async (ms: number): Promise<void> => {
    await sleep(ms, undefined, { signal: stopping }).catch(() => undefined)
    stopping.throwIfAborted()
  }

  /** Looks for what an interrupted request created, with any generation: it has usually succeeded. */
  const find = async (key: SandboxKey) => {
    const { installation, rollout, name } = labelsOf(services, key, 0)
    const found = await ask(times.request, (signal) => provider.find({ installation, rollout, name }, signal))
    return found.toSorted((one, other) => Number(other.labels.generation) - Number(one.labels.generation))[0]
  }

  /** Looks for it again and again: a creation that timed out may still succeed. */
  const findLater = async (key: SandboxKey) => {
    const until = performance.now() + times.look * 1000
    for (let pause = 100; ; pause = Math.min(pause * 2, 2_000)) {
      const found = await find(key).catch((error: unknown) => {
        if (stopping.aborted || performance.now() > until) throw error
        return undefined
      })
      if (found !== undefined || performance.now() > until) return found
      await rest(pause)
    }
  }

  const specOf = (plan: SandboxPlan, template: string) => {
    const { network, memoryMb, pids, diskMb } = plan
    return { template, network, memoryMb, pids, diskMb, ttlSeconds: times.timeToLive }
  }

  /** Creates a sandbox, or adopts the one that is there. */
  const make = async (row: SandboxRow, token: string, plan: SandboxPlan, template: string, mustLook: boolean) => {
    const createsOnce = provider.createsOnce === true
    const create = (labels: SandboxLabels) =>
      ask(times.create, (signal) => provider.create(specOf(plan, template), labels, signal))
    /** Resolves with undefined if it does not exist any more. */
    const adopted = async (found: Found) => {
      try {
        // A provider that creates once completes what an interrupted request has half made.
        const { handle } = createsOnce ? await create(found.labels) : found
        // The provider counts its time to live from the creation, and the ledger from now on.
        await ask(times.request, (signal) => provider.extend(handle, times.timeToLive, signal))
        return { handle, labels: found.labels, isAdopted: true }
      } catch (error) {
        if (error instanceof SandboxError && error.code === 'gone') return undefined
        throw error
      }
    }
    // The request of a server that died may still reach a provider.
    const found = mustLook ? await (createsOnce ? find(row) : findLater(row)) : undefined
    // After a long pause of this process another one may be creating it.
    if (!(await ledger.begin(row, token))) throw takenOver
    const earlier = found && (await adopted(found))
    if (earlier !== undefined) return earlier
    const began = performance.now()
    try {
      const labels = labelsOf(services, row, row.generation)
      const { handle } = await create(labels)
      meter.time('create', (performance.now() - began) / 1000)
      return { handle, labels, isAdopted: false }
    } catch (error) {
      if (stopping.aborted || (error instanceof SandboxError && error.code === 'refused')) throw error
      const found = await findLater(row).catch(() => undefined)
      const late = found && (await adopted(found))
      if (late === undefined) throw error
      return late
    }
  }

  /** Closes a sandbox that was created too late; what closes its rollout waits for that. */
  const closeUnused = async (row: SandboxRow, handle: string, current: SandboxRow | undefined) => {
    await ask(times.request, (signal) => provider.close(handle, signal))
    if (current?.status === 'closing' && current.handle === null) await ledger.closed(row)
  }

  const create = async (row: SandboxRow, token: string, plan: SandboxPlan, template: string, mustLook: boolean) => {
    const { name } = row
    try {
      const { handle, labels, isAdopted } = await make(row, token, plan, template, mustLook)
      const generation = Number(labels.generation)
      // The sandbox exists, and only its record lets others find it at once.
      const opened = await persistently(times.lease, () =>
        ledger.opened(row, token, { handle, generation, ttlSeconds: times.timeToLive }),
      )
      meter.count(isAdopted ? 'adopted' : 'created')
      if (opened !== undefined) return { ...opened, handle }
      // Another process has taken over, or the rollout has ended: nobody will use this one, unless it was adopted.
      const current = await ledger.read(row)
      const isElsewhere = current?.host !== (provider.host ?? null) || current.provider !== provider.name
      const isUnused = isElsewhere || (current.status !== 'opening' && current.handle !== handle)
      if (isUnused) await closeUnused(row, handle, current).catch(() => undefined)
      throw takenOver
    } catch (error) {
      if (error === takenOver || stopping.aborted || isUnavailable(error)) throw error
      const failure = sandboxFailure(error, name)
      const cause = failure instanceof SandboxFailure ? failure.code : 'sandbox_refused'
      // What an earlier request began may still succeed.
      const isCertain = error instanceof SandboxError && error.code === 'refused' && !row.granted
      await ledger.failed(row, token, cause, isCertain ? 'gone' : 'unknown')
      throw failure
    } finally {
      queue.kick()
    }
  }

  const openAt = (row: SandboxRow, token: string, release: () => void, plan: SandboxPlan): Place => {
    let isUsed = false
    return {
      isOpen: false,
      async open(template) {
        isUsed = true
        try {
          return await create(row, token, plan, template, row.granted)
        } catch (error) {
          if (error !== takenOver) throw error
          const place = await reserve(row)
          return place.isOpen ? place.sandbox : await place.open(template)
        } finally {
          release()
        }
      },
      async release() {
        release()
        if (!isUsed) await ledger.withdraw(row, token)
        queue.kick()
      },
    }
  }

  const reserve = async (key: SandboxKey): Promise<Place> => {
    const { name } = key
    const plan = plans.get(name)
    if (plan === undefined) throw new Error(`the environment defines no sandbox "${name}"`)
    const place = { provider: provider.name, host: provider.host }
    const began = performance.now()
    const left = () => times.wait - (performance.now() - began) / 1000
    for (let pause = 50; ; pause = Math.min(pause * 1.5, 500)) {
      const token = randomUUID()
      const row = await ledger.request(key, place, { token, leaseSeconds: times.lease })
      if (row === undefined) throw rolloutEnded()
      if (row.status === 'failed') {
        throw makeFailure(500, 'sandbox_lost', 'the sandbox of the rollout was lost, and with it its work', name)
      }
      const isHere = row.provider === provider.name && row.host === (provider.host ?? null)
      if (!isHere && row.status !== 'closed') throw elsewhere(row, provider.name)
      if (row.status === 'open' && row.handle !== null) return { isOpen: true, sandbox: { ...row, handle: row.handle } }
      if (row.status === 'closing' || row.status === 'closed') throw rolloutEnded()
      if (row.claim === token) {
        const { granted, release } = queue.hold(token)
        const state = row.status === 'opening' ? 'granted' : await granted(Math.max(0.001, left()))
        if (state === 'granted') {
          meter.time('wait', (performance.now() - began) / 1000)
          return openAt(row, token, release, plan)
        }
        release()
        if (state === 'late') {
          await ledger.withdraw(row, token)
          stopping.throwIfAborted()
          throw makeFailure(503, 'sandbox_queue_full', 'all sandboxes are in use; try again later', name)
        }
      } else if (left() + times.create < 0) {
        throw makeFailure(503, 'sandbox_queue_full', 'the sandbox is still being opened; try again later', name)
      }
      await rest(pause)
    }
  }
  return { reserve }
}

/** Another process opens the sandbox, or the rollout has ended. */
const takenOver = new Error('another process has taken over the sandbox')

const rolloutEnded = () => new RequestError(409, 'rollout_ended', 'the rollout has ended; begin another one')

function elsewhere({ name, host, provider }: SandboxRow, own: string) {
  const where = provider === own ? `on the host ${host}` : `one of the provider "${provider}"`
  const message = `the sandbox of the rollout is ${where}, which this server does not reach; try again`
  return makeFailure(503, 'sandbox_elsewhere', message, name)
}
