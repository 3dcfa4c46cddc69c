import { type Duplex, PassThrough, type Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { SandboxError } from '../provider.ts'
import { answered } from './errors.ts'

/** A command to start in a container. */
export interface Start {
  readonly argv: readonly string[]
  /** The agent cannot change what belongs to root. */
  readonly user: 'agent' | 'root'
  readonly env?: Readonly<Record<string, string>> | undefined
}

/** A command to run in a container to its end. */
export interface Run extends Start {
  readonly input?: string | Uint8Array | undefined
  readonly timeoutSeconds: number
  readonly maxOutputBytes: number
}

/** A command that has started. */
export interface Started {
  /** Writes to the standard input; `destroy` gives up the connection. */
  readonly stream: Duplex
  readonly stdout: Readable
  readonly stderr: Readable
  /** Resolves when both outputs have ended, or with the error of a lost connection. */
  readonly ended: Promise<Error | undefined>
  /** The exit code; null if Docker does not know it. */
  exitCode(signal: AbortSignal): Promise<number | null>
}

/** How a command ended. */
export interface Ran {
  readonly exitCode: number | null
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  readonly timedOut: boolean
  readonly truncated: boolean
}

/** What ends the processes of a command. */
export interface Stopper {
  /** Resolves when all of them were killed. Throws a {@link SandboxError} if that is not certain. */
  kill(signal: AbortSignal): Promise<void>
  /** A caller has left while its command was starting: what ends the command must wait for the start. */
  late(start: Promise<unknown>): void
}

/** The user of the agent's commands, and the group. */
const users = { agent: '1000:1000', root: '0:0' } as const
/** How long Docker may take to end the output of a command that was killed, in milliseconds. */
const endingMs = 5_000

/** Starts a command; `late` gets the pending start if the caller leaves before its end. */
export async function startExec(
  container: Docker.Container,
  { argv, user, env }: Start,
  late: Stopper['late'],
  signal: AbortSignal,
): Promise<Started> {
  const variables = { ...(user === 'agent' && { HOME: '/home/agent' }), ...env }
  const exec = await answered(
    signal,
    container.exec({
      Cmd: [...argv],
      User: users[user],
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Tty: false,
      Env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    }),
  )
  const starting = exec.start({ hijack: true, stdin: true })
  const stream = await answered(signal, starting).catch((error: unknown) => {
    late(
      starting.then(
        (stream) => stream.destroy(),
        () => undefined,
      ),
    )
    throw error
  })
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  for (const output of [stdout, stderr]) output.on('error', () => undefined)
  container.modem.demuxStream(stream, stdout, stderr)
  const ended = new Promise<Error | undefined>((resolve) => {
    const end = (error?: Error) => {
      stdout.end()
      stderr.end()
      resolve(error)
    }
    stream.once('end', () => end())
    stream.once('close', () => end())
    stream.on('error', end)
  })
  const exitCode = async (signal: AbortSignal) => (await answered(signal, exec.inspect())).ExitCode
  return { stream, stdout, stderr, ended, exitCode }
}

/**
 * Runs a command to its end. If it rejects, the command may still run.
 *
 * @throws SandboxError what the stopper throws, if the command times out and cannot be stopped.
 */
export async function runExec(
  container: Docker.Container,
  run: Run,
  stopper: Stopper,
  signal: AbortSignal,
): Promise<Ran> {
  const started = await startExec(container, run, stopper.late, signal)
  const stdout = keep(started.stdout, run.maxOutputBytes)
  const stderr = keep(started.stderr, run.maxOutputBytes)
  const outputs = () => ({ stdout: stdout.bytes(), stderr: stderr.bytes(), truncated: stdout.cut() || stderr.cut() })
  started.stream.end(run.input ?? '')
  const isOver = new AbortController()
  try {
    const ended = started.ended.then(async (failure) => {
      await Promise.all([stdout.ended, stderr.ended])
      return { timedOut: false, failure }
    })
    const late = sleep(run.timeoutSeconds * 1000, undefined, isOver).then(() => ({
      timedOut: true,
      failure: undefined,
    }))
    late.catch(() => undefined)
    const { timedOut, failure } = await answered(signal, Promise.race([ended, late]))
    if (timedOut) {
      await stopper.kill(signal)
      await answered(signal, Promise.race([ended, sleep(endingMs, undefined, { ref: false })]))
      return { ...outputs(), exitCode: null, timedOut }
    }
    const exitCode = failure === undefined ? await started.exitCode(signal) : null
    if (exitCode !== null) return { ...outputs(), exitCode, timedOut }
    throw new SandboxError('unavailable', 'the connection to the command was lost', { cause: failure })
  } finally {
    isOver.abort()
    started.stream.destroy()
  }
}

/** Keeps the first `maxBytes` of a stream. */
function keep(stream: Readable, maxBytes: number) {
  const chunks: Buffer[] = []
  let room = maxBytes
  stream.on('data', (chunk: Buffer) => {
    if (room > 0) chunks.push(chunk.subarray(0, room))
    room -= chunk.length
  })
  const ended = new Promise<void>((resolve) => stream.once('end', resolve))
  return { ended, cut: () => room < 0, bytes: () => Buffer.concat(chunks) }
}
