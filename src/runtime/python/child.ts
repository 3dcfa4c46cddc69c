import { spawn } from 'node:child_process'
import { Readable } from 'node:stream'

/** A process to run to its end; see {@link runChild}. */
export interface Child {
  readonly program: string
  readonly args: readonly string[]
  /** Whom to run it as; undefined for oneself. Only root may give somebody. */
  readonly identity: { readonly uid: number; readonly gid: number } | undefined
  readonly env: Readonly<Record<string, string>>
  /** The working directory. */
  readonly cwd: string
  /** What it reads from standard input. */
  readonly input: string
  /** How long it may take, in seconds. */
  readonly seconds: number
  /** How much it may write to standard output and standard error together, in bytes. */
  readonly outputBytes: number
}

/** What became of a {@link Child}. */
export interface Ended {
  /** The exit code; null when it was killed or could not be started. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Why it was killed here, if it was. */
  readonly stopped: 'time' | 'output' | undefined
  /** What it wrote to file descriptor 3, at most 16 kB of it. */
  readonly result: string
  /** How what it wrote to standard error begins, or why it could not be started. */
  readonly complaint: string
}

const mostResult = 16_384
const mostComplaint = 2_000
/** How long somebody who left the process group may hold the pipes when the process has ended, in milliseconds. */
const pipesMs = 1_000

/**
 * Runs a process in a group of its own, of which nothing is left when this settles: the group gets SIGKILL when the
 * process ends, when its time is up, when it writes too much, and when the signal aborts. Rejects with the signal's reason
 * alone.
 */
export function runChild(child: Child, signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const running = start(child)
    if (running instanceof Error) return resolve(notStarted(running))
    const { pid, stdin, stdout, stderr, stdio } = running
    const channel = stdio[3]
    if (pid === undefined || !(channel instanceof Readable)) {
      running.once('error', (error) => resolve(notStarted(error)))
      return
    }
    let stopped: Ended['stopped']
    let written = 0
    const complaint = keep(mostComplaint)
    const result = keep(mostResult)

    const kill = () => killGroup(pid)
    const stop = (why: 'time' | 'output') => {
      stopped ??= why
      kill()
    }
    const count = (chunk: Buffer) => {
      written += chunk.length
      if (written > child.outputBytes) stop('output')
    }
    stdout.on('data', count)
    stderr.on('data', (chunk: Buffer) => {
      complaint.add(chunk)
      count(chunk)
    })
    channel.on('data', (chunk: Buffer) => {
      if (!result.add(chunk)) stop('output')
    })
    // A process that is killed breaks its pipes; that it ended is told below.
    for (const pipe of [stdin, stdout, stderr, channel]) pipe.on('error', () => undefined)
    stdin.end(child.input)

    const timer = setTimeout(() => stop('time'), child.seconds * 1000)
    signal.addEventListener('abort', kill, { once: true })
    running.once('exit', () => {
      clearTimeout(timer)
      kill()
      setTimeout(() => {
        for (const pipe of [stdout, stderr, channel]) pipe.destroy()
      }, pipesMs).unref()
    })
    running.once('close', (code, killedBy) => {
      signal.removeEventListener('abort', kill)
      if (signal.aborted) return reject(signal.reason)
      resolve({ code, signal: killedBy, stopped, result: result.text(), complaint: complaint.text().trim() })
    })
  })
}

/** Node throws some reasons why a process cannot be started, and tells others later. */
function start({ program, args, cwd, env, identity }: Child) {
  try {
    return spawn(program, args, { cwd, env, detached: true, stdio: ['pipe', 'pipe', 'pipe', 'pipe'], ...identity })
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

const notStarted = ({ message }: Error): Ended => ({
  code: null,
  signal: null,
  stopped: undefined,
  result: '',
  complaint: message,
})

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // Nobody of the group is left.
  }
}

/** Keeps the first `most` bytes of what is added; adding says whether all of it was kept. */
function keep(most: number) {
  const chunks: Buffer[] = []
  let room = most
  return {
    add(chunk: Buffer): boolean {
      if (room > 0) chunks.push(chunk.subarray(0, room))
      room -= chunk.length
      return room >= 0
    },
    text: () => Buffer.concat(chunks).toString(),
  }
}
