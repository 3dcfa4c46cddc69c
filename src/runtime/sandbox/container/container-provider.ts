import Docker from 'dockerode'
import { z } from 'zod'
import { createSlots, type Slots } from '../../concurrency.ts'
import { decoded, readScript, signalOf, writeScript } from '../commands.ts'
import {
  checkKey,
  type ExecRequest,
  type ExecResult,
  type Found,
  SandboxError,
  type SandboxLabels,
  type SandboxProvider,
} from '../provider.ts'
import { createContainer, expiry, prefix } from './create.ts'
import { answered, statusOf } from './errors.ts'
import { prepareExec, type Ran, runExec } from './exec.ts'
import { once } from './journal.ts'

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
}

const labelled = z.object({
  'scorekeeper.installation': z.string(),
  'scorekeeper.rollout': z.string(),
  'scorekeeper.name': z.string(),
  'scorekeeper.generation': z.string(),
})

/**
 * Runs a command and then kills all that it left behind. It needs no new process for that, so that a sandbox which has as many
 * as it may has room again for the record of the command's end. What the shell itself has to say is not the command's output.
 */
const untilTheLast = [
  'sh',
  '-c',
  'exec 3>&2 2>/dev/null; (exec 2>&3 3>&-; exec "$@"); code=$?; kill -9 -1; exit "$code"',
  'sandbox',
]
const fileSeconds = 60

/**
 * Makes the provider of sandboxes in containers, of Docker or of Podman's service.
 *
 * The template is an image that the daemon has: it needs `sh`, `cat`, `head`, `stat`, `mkdir`, `mv`, `sleep` and `date`. Commands run as user
 * 1000, in the image's working directory, without capabilities; the journal belongs to root. All processes of a command end
 * with it; a timeout ends all processes of the sandbox.
 *
 * Memory and the number of processes are limited for the whole sandbox; `diskMb` limits each file.
 */
export function createContainerProvider(settings: ContainerSettings = {}): SandboxProvider {
  const docker = new Docker(settings.socketPath === undefined ? {} : { socketPath: settings.socketPath })
  const requests = createSlots(settings.concurrentRequests ?? 32)
  const turns = new Map<string, Slots>()

  /** Commands of one sandbox run one after the other. */
  const inTurn = <Result>(handle: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> => {
    const turn = turns.get(handle) ?? createSlots(1)
    turns.set(handle, turn)
    return turn(signal, work)
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
    turns.delete(handle)
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
  ) {
    const ran = await inTurn(handle, signal, () =>
      runExec(
        docker.getContainer(handle),
        { argv, user: 'agent', input, timeoutSeconds: fileSeconds, maxOutputBytes: Math.max(maxBytes, 4096) },
        signal,
      ),
    )
    if (ran.exitCode === 0) return ran.stdout
    throw new SandboxError('refused', Buffer.from(ran.stderr).toString().trim().slice(0, 500))
  }

  async function exec(handle: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult> {
    checkKey(request.key)
    const container = docker.getContainer(handle)
    return inTurn(handle, signal, async () => {
      const argv = [...untilTheLast, ...request.argv]
      const prepared = await prepareExec(container, { ...request, argv, user: 'agent' }, signal)
      const run = async () => resultOf(await prepared.start(signal))
      return once(container, docker, request.key, prepared, run, signal)
    })
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
      const inspected = docker
        .getContainer(handle)
        .inspect()
        .catch((error: unknown) => {
          if (statusOf(error) === 404) return undefined
          throw error
        })
      return (await answered(signal, inspected))?.State.Running === true
    },
    async extend(handle, ttlSeconds, signal) {
      const script = 'printf %s "$1" > /.scorekeeper/own/draft && mv /.scorekeeper/own/draft /.scorekeeper/own/expires'
      const argv = ['sh', '-c', script, 'sh', expiry(ttlSeconds)]
      const command = { argv, user: 'root', timeoutSeconds: 30, maxOutputBytes: 4096 } as const
      await runExec(docker.getContainer(handle), command, signal)
    },
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
