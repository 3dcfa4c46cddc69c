import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text as readText } from 'node:stream/consumers'
import type Docker from 'dockerode'
import { vi } from 'vitest'
import type { SandboxProvider } from '../../../src/runtime/sandbox/provider.ts'

/** Waits in a shell script until the test releases it. */
export const untilReleased = 'until [ -e /tmp/go ]; do sleep 0.05; done'
/** A shell script that counts how often it runs, waits until the test releases it, and prints `done`. */
export const heldScript = `echo run >> /tmp/runs; ${untilReleased}; echo done`

/** What a test sees of a held command, and does to it, while it runs. */
export interface Held {
  /** Resolves when the command has begun. */
  started(): Promise<void>
  /** Lets the command go on. */
  release(): Promise<void>
  /** How often a held command of the sandbox has begun. */
  runs(): Promise<number>
}

/** Reaches the files of a sandbox through a provider that runs commands of one sandbox at the same time. */
export function heldThrough(provider: SandboxProvider, handle: string): Held {
  const signal = AbortSignal.timeout(60_000)
  return heldBy(
    async () => Buffer.from(await provider.read(handle, '/tmp/runs', 1000, signal)).toString(),
    () => provider.write(handle, '/tmp/go', new Uint8Array(), signal),
  )
}

/** Reaches the files of a sandbox of the local provider, whose commands run one after the other, on the disk. */
export function heldOnDisk(root: string, handle: string): Held {
  const temporary = join(root, 'boxes', handle, 'tmp')
  return heldBy(
    () => readFile(join(temporary, 'runs'), 'utf8'),
    () => writeFile(join(temporary, 'go'), ''),
  )
}

/** Reaches the files of a container by commands that do not wait for the lock of the sandbox. */
export function heldInContainer(docker: Docker, handle: string): Held {
  return heldBy(
    () => outside(docker, handle, ['cat', '/tmp/runs']),
    async () => void (await outside(docker, handle, ['touch', '/tmp/go'])),
  )
}

/** Runs a command in a container as the agent, beside the provider, and resolves with its output; throws if it fails. */
export async function outside(docker: Docker, handle: string, argv: readonly string[], user = '1000'): Promise<string> {
  const options = { Cmd: [...argv], User: user, AttachStdout: true, AttachStderr: true }
  const exec = await docker.getContainer(handle).exec(options)
  const stream = await exec.start({})
  const output = new PassThrough()
  docker.modem.demuxStream(stream, output, new PassThrough())
  stream.once('end', () => output.end())
  const text = await readText(output)
  const { ExitCode } = await exec.inspect()
  if (ExitCode !== 0) throw new Error(`${argv.join(' ')} exited with ${ExitCode}`)
  return text
}

function heldBy(read: () => Promise<string>, write: () => Promise<void>): Held {
  const wait = { timeout: 20_000, interval: 50 }
  return {
    started: async () => void (await vi.waitFor(read, wait)),
    // A command whose caller gives up may take others of its sandbox with it.
    release: () => vi.waitFor(write, wait),
    runs: async () => (await read()).split('\n').length - 1,
  }
}
