import { setTimeout as sleep } from 'node:timers/promises'
import Docker from 'dockerode'
import { z } from 'zod'
import { createSlots, type Slots } from '../../concurrency.ts'
import { decoded, fileFailure, readScript, signalOf, writeScript } from '../commands.ts'
import {
  checkKey,
  type ExecRequest,
  type ExecResult,
  type Found,
  SandboxError,
  type SandboxLabels,
  type SandboxProvider,
} from '../provider.ts'
import { createContainer, prefix } from './create.ts'
import { answered, hasEnded, inContainer, inspected, statusOf } from './errors.ts'
import { type Ran, runExec } from './exec.ts'
import { exclusively, once } from './journal.ts'
import { agentCommand, extendScript } from './scripts.ts'

/** Settings of {@link createContainerProvider}. */
export interface ContainerSettings {
  /** The socket of Docker or Podman; by default what `DOCKER_HOST` names, or `/var/run/docker.sock`. */
  readonly socketPath?: string
  /** The OCI runtime, such as `runsc`; by default the daemon's. */
  readonly runtime?: string
  /** How many of its files a process may open, by default 4,096. */
  readonly openFiles?: number
  /** How many processes the commands of all sandboxes on the daemon's machine may have together, by default 4,096. */
  readonly processes?: number
  /** How many requests to the daemon run at once, by default 32. */
  readonly concurrentRequests?: number
  /** How long a command waits for one of another server in the same sandbox, in seconds, by default 60. */
  readonly busySeconds?: number
}

const labelled = z.object({
  'scorekeeper.installation': z.string(),
  'scorekeeper.rollout': z.string(),
  'scorekeeper.name': z.string(),
  'scorekeeper.generation': z.string(),
})

const fileSeconds = 60
/** How often the time to live is tried to be set: another server that ends its command may kill what sets it. */
const extensions = 5
const extensionPauseMs = 200

/**
 * Makes the provider of sandboxes in containers, of Docker or of Podman's service.
 *
 * The template is an image that the daemon has: it needs `sh`, `cat`, `head`, `ln`, `stat`, `mkdir`, `mv`, `rm`, `sleep` and
 * `date`. Commands run as user 1000, in the image's working directory, without capabilities; the journal belongs to root. All
 * processes of a command end with it; a timeout ends all processes of the sandbox. Commands of one sandbox run one after the
 * other, also those of several servers.
 *
 * Memory and the number of processes are limited for the whole sandbox; `diskMb` limits each file.
 */
export function createContainerProvider(settings: ContainerSettings = {}): SandboxProvider {
  const docker = new Docker(settings.socketPath === undefined ? {} : { socketPath: settings.socketPath })
  const requests = createSlots(settings.concurrentRequests ?? 32)
  const busySeconds = settings.busySeconds ?? 60
  const turns = new Map<string, { readonly slots: Slots; users: number }>()

  /** Commands of one sandbox run one after the other; those of this process need no lock to wait for each other. */
  async function inTurn<Result>(handle: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    const turn = turns.get(handle) ?? { slots: createSlots(1), users: 0 }
    turns.set(handle, turn)
    turn.users += 1
    try {
      return await turn.slots(signal, () => inContainer(docker.getContainer(handle), signal, work))
    } finally {
      turn.users -= 1
      if (turn.users === 0) turns.delete(handle)
    }
  }

  async function list(labels: Partial<SandboxLabels>, signal: AbortSignal): Promise<readonly Found[]> {
    const label = Object.entries(labels).map(([name, value]) => `${prefix}${name}=${value}`)
    const containers = await answered(signal, docker.listContainers({ all: true, filters: JSON.stringify({ label }) }))
    return containers.flatMap(({ Id, Labels }) => {
      const { data } = labelled.safeParse(Labels)
      if (data === undefined) return []
      const found = {
        installation: data['scorekeeper.installation'],
        rollout: data['scorekeeper.rollout'],
        name: data['scorekeeper.name'],
        generation: data['scorekeeper.generation'],
      }
      return [{ handle: Id, labels: found }]
    })
  }

  async function close(handle: string, signal: AbortSignal): Promise<void> {
    const removed = docker
      .getContainer(handle)
      .remove({ force: true, v: true })
      .catch((error: unknown) => {
        if (statusOf(error) !== 404) throw error
      })
    await answered(signal, removed)
  }

  async function file(
    handle: string,
    argv: readonly string[],
    input: Uint8Array,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const container = docker.getContainer(handle)
    const limits = { timeoutSeconds: fileSeconds, maxOutputBytes: Math.max(maxBytes, 4096) }
    const command = { argv: agentCommand({ argv, input }), user: 'agent', input, ...limits } as const
    const ran = await inTurn(handle, signal, () =>
      exclusively(container, busySeconds, signal, (lock) => runExec(container, command, lock, signal)),
    ).catch(notThePath)
    if (ran.exitCode === 0) return ran.stdout
    throw fileFailure(resultOf(ran))
  }

  async function exec(handle: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult> {
    checkKey(request.key)
    const container = docker.getContainer(handle)
    const command = { ...request, argv: agentCommand(request), user: 'agent' } as const
    return await inTurn(handle, signal, () =>
      once(container, request.key, busySeconds, signal, async (lock) =>
        resultOf(await runExec(container, command, lock, signal)),
      ),
    )
  }

  async function extend(handle: string, ttlSeconds: number, signal: AbortSignal): Promise<void> {
    const container = docker.getContainer(handle)
    const argv = ['sh', '-c', extendScript, 'sh', String(Math.ceil(ttlSeconds))]
    const command = { argv, user: 'root', timeoutSeconds: 30, maxOutputBytes: 4096 } as const
    const nothing = { kill: async () => {}, late: () => {} }
    let reason = ''
    for (let attempt = 1; attempt <= extensions; attempt += 1) {
      if (attempt > 1) await sleep(extensionPauseMs, undefined, { signal }).catch(() => signal.throwIfAborted())
      const ran = await runExec(container, command, nothing, signal)
      if (ran.exitCode === 0) return
      reason = Buffer.from(ran.stderr).toString().trim().slice(0, 500) || `exit code ${ran.exitCode}`
    }
    throw new SandboxError('unavailable', `the time to live of a container could not be set: ${reason}`)
  }

  return {
    name: 'container',
    host: undefined,
    createsOnce: true,
    create: (spec, labels, signal) => requests(signal, () => createContainer(docker, spec, labels, settings, signal)),
    find: list,
    exec: (handle, request, signal) => exec(handle, request, signal),
    read: (handle, path, maxBytes, signal) =>
      file(handle, [...readScript, path, String(maxBytes)], new Uint8Array(), maxBytes, signal),
    write: async (handle, path, content, signal) => {
      await file(handle, [...writeScript, path], content, 4096, signal)
    },
    async alive(handle, signal) {
      const found = await answered(signal, inspected(docker.getContainer(handle)))
      // A paused one, or one that is being made, is not lost.
      return found !== undefined && !hasEnded(found)
    },
    extend: (handle, ttlSeconds, signal) =>
      inContainer(docker.getContainer(handle), signal, () => extend(handle, ttlSeconds, signal)),
    close: (handle, signal) => requests(signal, () => close(handle, signal)),
    async problem() {
      try {
        await answered(AbortSignal.timeout(10_000), docker.ping())
        return undefined
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        return `sandboxes in containers need Docker or Podman${settings.socketPath === undefined ? '' : ` at ${settings.socketPath}`}: ${reason}`
      }
    },
    async end() {},
  }
}

/** What is refused besides the path is not the model's fault, such as an image that lacks a program. */
function notThePath(error: unknown): never {
  if (!(error instanceof SandboxError) || error.code === 'gone') throw error
  throw new SandboxError('unavailable', error.message, { cause: error })
}

function resultOf(ran: Ran): ExecResult {
  return {
    exitCode: ran.exitCode,
    signal: ran.exitCode === null ? 'SIGKILL' : signalOf(ran.exitCode),
    stdout: decoded(ran.stdout, ran.truncated),
    stderr: decoded(ran.stderr, ran.truncated),
    timedOut: ran.timedOut,
    truncated: ran.truncated,
  }
}
