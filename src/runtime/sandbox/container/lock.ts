import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { SandboxError } from '../provider.ts'
import { answered, mustBeUsable } from './errors.ts'
import { type Started, type Stopper, startExec } from './exec.ts'
import { holderScript } from './scripts.ts'

/** How long the holder may take to answer, in milliseconds. */
const answerMs = 30_000
/** How long it may take to kill all processes, in milliseconds. */
const killMs = 5_000
/** The pause before another try to start the holder, in milliseconds. */
const pauseMs = 200
/** How often a record is tried in a sandbox that has as many processes as it may. */
const tries = 5

/** The lock of a sandbox, which its commands run under: only its owner kills processes. */
export interface Lock extends Stopper {
  /** Records the result of the key. Throws a {@link SandboxError} `exec_ambiguous` if that fails. */
  record(result: string, signal: AbortSignal): Promise<void>
  /** Releases the lock after work that left no process. */
  release(signal: AbortSignal): Promise<void>
  /** Gives up: the holder kills all processes of the sandbox and releases the lock. */
  abandon(): void
}

/** What {@link lock} finds: the lock, or the recorded result of the key. */
export type Locked = { readonly lock: Lock } | { readonly recorded: string }

/** A try to lock that may succeed later; `reason` is for the operator. */
interface Failed {
  readonly reason: string
}

/**
 * Locks a sandbox for one command, against every other process that uses it, and marks the key, if there is one, as begun.
 *
 * A process of root in the container holds the lock and answers on its standard output. It ends with the connection of its
 * owner, kills what that has left behind, and the lock is free: there is nothing that a dead server could keep.
 *
 * @throws SandboxError `exec_ambiguous` if the key began earlier and its end was lost; `unavailable` if another command held
 * the lock for `busySeconds`, `refused` if the image lacks something. A command with the same key is waited for to its end.
 */
export async function lock(
  container: Docker.Container,
  key: string | undefined,
  busySeconds: number,
  signal: AbortSignal,
): Promise<Locked> {
  const until = performance.now() + busySeconds * 1000
  for (;;) {
    const tried = await tryLock(container, key, until, signal)
    if (!('reason' in tried)) return tried
    await mustBeUsable(container, signal)
    if (performance.now() > until) {
      throw new SandboxError('unavailable', `the sandbox is busy or full, no command can begin: ${tried.reason}`)
    }
    // It may be full of what a command left behind whose server has died.
    await answered(signal, killUnlessLocked(container)).catch(() => signal.throwIfAborted())
    await pause(pauseMs, signal)
  }
}

async function tryLock(
  container: Docker.Container,
  key: string | undefined,
  until: number,
  signal: AbortSignal,
): Promise<Locked | Failed> {
  const naps = Math.max(Math.ceil((until - performance.now()) / 100), 1)
  const argv = ['sh', '-c', holderScript, 'sh', key ?? '', String(naps)]
  const starting = startExec(container, { argv, user: 'root' }, () => undefined, signal)
  const started = await starting.catch((error: unknown) => {
    if (error instanceof SandboxError && error.code === 'unavailable') return { reason: error.message }
    throw error
  })
  if ('reason' in started) return started
  const next = linesOf(started)
  const give = (answer: Locked | Failed) => {
    if (!('lock' in answer)) started.stream.destroy()
    return answer
  }
  try {
    let line = await within(Math.max(until - performance.now(), 1), next(), signal)
    if (line === late || line === 'busy')
      throw new SandboxError('unavailable', 'the sandbox is busy with another command')
    // Its own command runs for another caller.
    if (line === 'same') line = await answered(signal, next())
    if (line === 'lost') {
      throw new SandboxError('exec_ambiguous', `the command ${key} began, and its end was not recorded`)
    }
    if (line?.startsWith('lacking')) throw new SandboxError('refused', `the image is not suitable: ${line}`)
    if (line === 'recorded') return give(await recorded(next, signal))
    if (line === 'held' && key !== undefined) {
      started.stream.write('begin\n')
      line = await within(answerMs, next(), signal)
    }
    if (line === (key === undefined ? 'held' : 'begun')) return give({ lock: lockOf(container, started, next) })
    return give({ reason: `the process that holds its lock ended or did not answer (${String(line)})` })
  } catch (error) {
    started.stream.destroy()
    throw error
  }
}

/** Reads a recorded result; it may be cut off where the process that sends it is killed. */
async function recorded(next: NextLine, signal: AbortSignal): Promise<Locked | Failed> {
  const [text, end] = [await answered(signal, next()), await answered(signal, next())]
  return text !== undefined && end === 'end' ? { recorded: text } : { reason: 'the recorded result was cut off' }
}

function lockOf(container: Docker.Container, { stream, ended }: Started, next: NextLine): Lock {
  let start: Promise<unknown> = Promise.resolve()
  const ask = (request: string | Uint8Array, milliseconds: number, signal: AbortSignal) => {
    stream.write(request)
    return within(milliseconds, next(), signal)
  }
  return {
    async kill(signal) {
      if ((await ask('kill\n', killMs, signal)) === 'killed') return
      throw new SandboxError('exec_ambiguous', 'the command has timed out, and it is not certain that it was killed')
    },
    late(pending) {
      start = pending
    },
    async record(result, signal) {
      const bytes = Buffer.from(result)
      for (let attempt = 1; attempt <= tries; attempt += 1) {
        const answer = await ask('end\n', answerMs, signal)
        if (answer === 'ready') {
          const stored = ask(Buffer.concat([Buffer.from(`store ${bytes.length}\n`), bytes]), answerMs, signal)
          if ((await stored) === 'stored') return void stream.end()
          break
        }
        if (answer !== 'full') break
        await pause(pauseMs, signal)
      }
      throw new SandboxError('exec_ambiguous', 'the result of a command could not be recorded')
    },
    async release(signal) {
      await ask('release\n', answerMs, signal)
      stream.end()
    },
    abandon() {
      start.finally(() => {
        stream.end()
        Promise.race([ended, sleep(killMs, undefined, { ref: false })]).then(() => {
          stream.destroy()
          // A holder that was killed itself has killed nothing.
          killUnlessLocked(container).catch(() => undefined)
        })
      })
    },
  }
}

/** Has the first process kill all others, unless one of them holds the lock. */
async function killUnlessLocked(container: Docker.Container): Promise<void> {
  await container.kill({ signal: 'SIGUSR1' })
}

const late: unique symbol = Symbol('late')

/** Waits for so many milliseconds. */
async function within<Result>(milliseconds: number, work: Promise<Result>, signal: AbortSignal) {
  const isOver = new AbortController()
  const timer = sleep(milliseconds, late, isOver)
  timer.catch(() => undefined)
  try {
    return await answered(signal, Promise.race([work, timer]))
  } finally {
    isOver.abort()
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted())
}

/** Resolves with the next line; undefined at the end. */
type NextLine = () => Promise<string | undefined>

function linesOf({ stdout, stderr }: Started): NextLine {
  stderr.resume()
  const lines = split(stdout)
  return async () => {
    const { done, value } = await lines.next()
    return done ? undefined : value
  }
}

async function* split(stream: AsyncIterable<Buffer>): AsyncGenerator<string, undefined> {
  let begun: Buffer[] = []
  for await (const chunk of stream) {
    let from = 0
    for (let to = chunk.indexOf(10); to !== -1; to = chunk.indexOf(10, from)) {
      yield Buffer.concat([...begun, chunk.subarray(from, to)]).toString()
      begun = []
      from = to + 1
    }
    begun.push(chunk.subarray(from))
  }
  return undefined
}
