import { PassThrough } from 'node:stream'
import type Docker from 'dockerode'
import { SandboxError } from '../provider.ts'
import { answered } from './errors.ts'

/** A command to run in a container. */
export interface Run {
  readonly argv: readonly string[]
  /** The agent cannot change what belongs to root. */
  readonly user: 'agent' | 'root'
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly input?: string | Uint8Array | undefined
  readonly timeoutSeconds: number
  readonly maxOutputBytes: number
}

/** How a command ended. */
export interface Ran {
  readonly exitCode: number | null
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  readonly timedOut: boolean
  readonly truncated: boolean
}

/** The user of the agent's commands, and the group. */
const users = { agent: '1000:1000', root: '0:0' } as const
/** How long Docker may take to end the output of a command that was killed, in milliseconds. */
const endingMs = 5_000

/** A command that Docker knows and has not started. */
export interface Prepared {
  readonly id: string
  start(signal: AbortSignal): Promise<Ran>
}

/** Registers a command with Docker; it has an id before it starts. */
export async function prepareExec(container: Docker.Container, run: Run, signal: AbortSignal): Promise<Prepared> {
  const exec = await answered(
    signal,
    container.exec({
      Cmd: [...run.argv],
      User: users[run.user],
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Tty: false,
      ...(run.cwd === undefined ? {} : { WorkingDir: run.cwd }),
      Env: Object.entries({ ...(run.user === 'agent' ? { HOME: '/home/agent' } : {}), ...run.env }).map(
        ([name, value]) => `${name}=${value}`,
      ),
    }),
  )
  return { id: exec.id, start: (signal) => startExec(container, exec, run, signal) }
}

/** Runs a command to its end. */
export async function runExec(container: Docker.Container, run: Run, signal: AbortSignal): Promise<Ran> {
  return (await prepareExec(container, run, signal)).start(signal)
}

async function startExec(container: Docker.Container, exec: Docker.Exec, run: Run, signal: AbortSignal): Promise<Ran> {
  const stream = await answered(signal, exec.start({ hijack: true, stdin: true }))
  const stdout = keep(run.maxOutputBytes)
  const stderr = keep(run.maxOutputBytes)
  container.modem.demuxStream(stream, stdout.stream, stderr.stream)
  let timedOut = false
  const ended = new Promise<void>((resolve, reject) => {
    stream.once('end', resolve)
    stream.once('close', resolve)
    stream.once('error', (cause) => reject(new SandboxError('unavailable', 'the connection was lost', { cause })))
  })
  stream.end(run.input ?? '')
  const stop = () => {
    // What has left the command's process group holds its output open too.
    killAll(container).catch(() => undefined)
    setTimeout(() => stream.destroy(), endingMs).unref()
  }
  const timer = setTimeout(() => {
    timedOut = true
    stop()
  }, run.timeoutSeconds * 1000)
  try {
    await answered(signal, ended)
  } catch (error) {
    stop()
    throw error
  } finally {
    clearTimeout(timer)
  }
  const output = { stdout: stdout.bytes(), stderr: stderr.bytes(), truncated: stdout.cut() || stderr.cut() }
  if (timedOut) return { ...output, exitCode: null, timedOut }
  const { ExitCode } = await answered(signal, exec.inspect())
  if (ExitCode === null) throw new SandboxError('unavailable', 'the connection to the command was lost')
  return { ...output, exitCode: ExitCode, timedOut }
}

/** Kills every process in a container but the first, which does it: nothing has to be started. */
export async function killAll(container: Docker.Container): Promise<void> {
  await container.kill({ signal: 'SIGUSR1' })
}

/** Keeps the first `maxBytes` of what is written. */
function keep(maxBytes: number) {
  const chunks: Buffer[] = []
  let room = maxBytes
  const stream = new PassThrough()
  stream.on('data', (chunk: Buffer) => {
    if (room > 0) chunks.push(chunk.subarray(0, room))
    room -= chunk.length
  })
  return { stream, cut: () => room < 0, bytes: () => Buffer.concat(chunks) }
}
