import { spawn } from 'node:child_process'
import { Readable } from 'node:stream'

/** A process that {@link runChild} runs to its end. */
export interface Child {
  readonly program: string
  readonly args: readonly string[]
  /** The user to run it as; undefined for the server's. Only root can set one. */
  readonly identity: { readonly uid: number; readonly gid: number } | undefined
  readonly env: Readonly<Record<string, string>>
  /** The working directory. */
  readonly cwd: string
  /** Its standard input. */
  readonly input: string
  /** The timeout, in seconds. */
  readonly seconds: number
  /** The limit for standard output and standard error together, in bytes. */
  readonly outputBytes: number
}

/** How a {@link Child} ended. */
export interface Ended {
  /** The exit code; null if it was killed or could not be started. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Why {@link runChild} killed it, undefined if it did not. */
  readonly stopped: 'time' | 'output' | undefined
  /** What it wrote to file descriptor 3, at most 16 kB. */
  readonly result: string
  /** The beginning of its standard error, or why it could not be started. */
  readonly complaint: string
}

const maxResult = 16_384
const maxComplaint = 2_000
/** How long a process that left the group can keep the pipes open after the process has ended, in milliseconds. */
const pipesMs = 1_000

/**
 * Runs a process in a process group of its own. The group gets SIGKILL when the process ends, times out or writes too much,
 * and when the signal aborts, so that nothing of it is left when the promise settles. Rejects only with the signal's reason.
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
    const complaint = keep(maxComplaint)
    const result = keep(maxResult)

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
    // A process that is killed breaks its pipes; its end is reported below.
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

/** Node throws some errors of starting a process and emits others later. */
function start({ program, args, cwd, env, identity }: Child) {
  try {
    return spawn(program, args, { cwd, env, detached: true, stdio: ['pipe', 'pipe', 'pipe', 'pipe'], ...identity })
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

function notStarted({ message }: Error): Ended {
  return { code: null, signal: null, stopped: undefined, result: '', complaint: message }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // The group has ended already.
  }
}

/** Keeps the first `maxBytes` of what is added; `add` returns whether all of it was kept. */
function keep(maxBytes: number) {
  const chunks: Buffer[] = []
  let room = maxBytes
  return {
    add(chunk: Buffer): boolean {
      if (room > 0) chunks.push(chunk.subarray(0, room))
      room -= chunk.length
      return room >= 0
    },
    text: () => Buffer.concat(chunks).toString(),
  }
}
