import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { SandboxError, type SandboxLabels, type SandboxSpec } from '../provider.ts'
import { answered, hasEnded, inspected, statusOf } from './errors.ts'
import { firstScript } from './scripts.ts'

/** The beginning of the names of labels. */
export const prefix = 'scorekeeper.'

/** The limits of containers that the settings of the provider may change. */
export interface ContainerLimits {
  readonly runtime?: string
  readonly openFiles?: number
  readonly processes?: number
}

/** How often a container with the labels may turn out to be ending, and the pause between two looks in milliseconds. */
const looks = 20
const pauseMs = 250
/**
 * Makes a container and starts it, or adopts the one with these labels: its name is made from them, so that there is one. An
 * interrupted creation may have left it without starting it.
 */
export async function createContainer(
  docker: Docker,
  spec: SandboxSpec,
  labels: SandboxLabels,
  limits: ContainerLimits,
  signal: AbortSignal,
): Promise<{ readonly handle: string }> {
  const options = containerOptions(spec, labels, limits)
  for (let look = 0; look < looks; look += 1) {
    const handle = await answered(signal, make(docker, options, spec.template))
    if (handle !== undefined) {
      await answered(signal, start(docker.getContainer(handle), true))
      return { handle }
    }
    const named = docker.getContainer(options.name)
    const found = await answered(signal, inspected(named))
    if (found?.State.Running) return { handle: found.Id }
    if (found !== undefined && !hasEnded(found)) await answered(signal, start(named, false))
    else {
      // It has ended before it was used, or is being removed.
      await answered(signal, removed(named))
      await sleep(pauseMs, undefined, { signal })
    }
  }
  throw new SandboxError('unavailable', `the container ${options.name} can neither be made nor used`)
}

/** Resolves with the id; undefined if the name is in use. */
function make(docker: Docker, options: Docker.ContainerCreateOptions, image: string): Promise<string | undefined> {
  return docker.createContainer(options).then(
    ({ id }) => id,
    (error: unknown) => {
      // Podman tells of a name that is in use with 500.
      if (statusOf(error) === 409 || (error instanceof Error && /name .* is already in use/i.test(error.message))) {
        return undefined
      }
      if (statusOf(error) === 404) throw new SandboxError('refused', `the image ${image} does not exist`)
      throw error
    },
  )
}

/** Starts a container. One that certainly cannot be started is removed by the request that made it. */
async function start(container: Docker.Container, isOwn: boolean): Promise<void> {
  try {
    await container.start()
  } catch (error) {
    const status = statusOf(error)
    // Another process has started it.
    if (status === 304) return
    if (isOwn && status !== undefined) await removed(container).catch(() => undefined)
    throw error
  }
}

/** Removes a container; resolves also if it does not exist or is being removed. */
async function removed(container: Docker.Container): Promise<void> {
  try {
    await container.remove({ force: true, v: true })
  } catch (error) {
    if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error
  }
}

/** What Docker is asked for; the name is made from the labels. */
export function containerOptions(
  spec: SandboxSpec,
  labels: SandboxLabels,
  { runtime, openFiles = 4096, processes = 4096 }: ContainerLimits,
): Docker.ContainerCreateOptions & { readonly name: string } {
  const megabyte = 1024 ** 2
  const host: Docker.HostConfig = {
    NetworkMode: spec.network ? 'bridge' : 'none',
    AutoRemove: true,
    CapDrop: ['ALL'],
    // Of root, so that the first process can end those of the agent, which itself gets no capability.
    CapAdd: ['KILL'],
    SecurityOpt: ['no-new-privileges'],
    Memory: spec.memoryMb * megabyte,
    MemorySwap: spec.memoryMb * megabyte,
    // The first process and what looks after the sandbox.
    PidsLimit: spec.pids + 4,
    LogConfig: { Type: 'none', Config: {} },
    Ulimits: [
      { Name: 'nofile', Soft: openFiles, Hard: openFiles },
      // It counts all processes of user 1000, of whichever sandbox.
      { Name: 'nproc', Soft: processes, Hard: processes },
      { Name: 'core', Soft: 0, Hard: 0 },
    ],
  }
  return {
    // A name for the labels: a second container for them cannot be made.
    name: `scorekeeper-${createHash('sha256')
      .update(JSON.stringify(labelsOf(labels)))
      .digest('hex')
      .slice(0, 32)}`,
    Image: spec.template,
    Entrypoint: ['sh', '-c', firstScript, 'sandbox'],
    // The limit of files holds for commands alone: it is none for the record of their results.
    Cmd: [String(Math.ceil(spec.ttlSeconds)), String(spec.diskMb * 2048)],
    User: '0:0',
    Hostname: 'sandbox',
    Labels: labelsOf(labels),
    // The image's own folders may be closed to root without capabilities.
    Volumes: { '/.scorekeeper': {} },
    HostConfig: runtime === undefined ? host : { ...host, Runtime: runtime },
  }
}

function labelsOf({ installation, rollout, name, generation }: SandboxLabels): Record<string, string> {
  return {
    [`${prefix}installation`]: installation,
    [`${prefix}rollout`]: rollout,
    [`${prefix}name`]: name,
    [`${prefix}generation`]: generation,
  }
}
