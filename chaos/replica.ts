import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

/** One life of a replica: a process from start to exit. */
export interface Life {
  readonly replica: number
  readonly pid: number
  readonly url: string
  /** When it was asked to shut down, in milliseconds since 1970. */
  askedToStopAt: number | undefined
  /** When it was killed. */
  killedAt: number | undefined
  endedAt: number | undefined
}

/** A server process that is restarted when it exits, as by an orchestrator. */
export interface Replica {
  /** The process that accepts requests; undefined while none does. */
  current(): Life | undefined
  readonly lives: readonly Life[]
  /** The last lines of its processes' output. */
  readonly said: readonly string[]
  kill(): Promise<void>
  /** Shuts it down gracefully, and starts the next one when it has exited. */
  restart(): Promise<void>
  /** Freezes its process for some seconds, longer than its leases. */
  freeze(seconds: number): Promise<void>
  /** Starts it, retrying until it listens. */
  start(): Promise<void>
  stop(): Promise<void>
  /** Kills it for good. */
  close(): Promise<void>
}

/** Short limits for the replicas, so that faults outlast them. */
export const limitsOf = {
  TOOL_TIMEOUT_SECONDS: '3',
  GRADING_WAIT_SECONDS: '6',
  ANSWER_TIMEOUT_SECONDS: '25',
  LEASE_SECONDS: '2',
  DRAIN_SECONDS: '6',
  DATABASE_POOL_SIZE: '10',
  LOG_LEVEL: 'info',
} as const

/** A graceful shutdown that takes longer than this, in seconds, has failed. */
const stopSeconds = 20

const root = fileURLToPath(new URL('..', import.meta.url))
const entryOf = (program: string) => fileURLToPath(new URL(`./served/${program}.ts`, import.meta.url))
const keptLines = 200

/** Creates a replica whose processes get these variables, without starting one. `program` is a file of `served/`. */
export function createReplica(
  replica: number,
  env: Readonly<Record<string, string>>,
  program: 'server' | 'boxed-server' = 'server',
): Replica {
  const lives: Life[] = []
  const said: string[] = []
  let child: ChildProcess | undefined
  let life: Life | undefined
  let isClosed = false

  const tryToStart = async (): Promise<boolean> => {
    const args = ['--import', import.meta.resolve('tsx'), entryOf(program)]
    const started = spawn(process.execPath, args, {
      cwd: root,
      env: { ...env, ...limitsOf, PORT: '0', HOST: '127.0.0.1' },
      // Its own process group, so that Ctrl-C reaches only the harness, which then cleans up.
      detached: process.platform !== 'win32',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = started
    const keep = (line: string) => {
      said.push(line)
      if (said.length > keptLines) said.shift()
    }
    const out = createInterface({ input: started.stdout })
    createInterface({ input: started.stderr }).on('line', keep)
    const ended = once(started, 'exit')
    const url = await new Promise<string | undefined>((resolve) => {
      out.on('line', (line) => {
        keep(line)
        const url = urlIn(line)
        if (url !== undefined) resolve(url)
      })
      void ended.then(() => resolve(undefined))
    })
    if (url === undefined || started.pid === undefined) {
      await ended
      return false
    }
    const begun: Life = {
      ...{ replica, pid: started.pid, url },
      ...{ askedToStopAt: undefined, killedAt: undefined, endedAt: undefined },
    }
    lives.push(begun)
    life = begun
    void ended.then(() => {
      begun.endedAt = Date.now()
      if (life === begun) life = undefined
    })
    return true
  }
  const start = async () => {
    while (!isClosed && !(await tryToStart())) await sleep(200)
  }
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    if (life === undefined || child === undefined || life.endedAt !== undefined) return
    if (signal === 'SIGKILL') life.killedAt = Date.now()
    else life.askedToStopAt = Date.now()
    const leaving = life
    const ended = once(child, 'exit')
    child.kill(signal)
    const late = setTimeout(() => {
      leaving.killedAt = Date.now()
      child?.kill('SIGKILL')
    }, stopSeconds * 1000)
    await ended
    clearTimeout(late)
  }
  return {
    lives,
    said,
    start,
    current: () => (life?.askedToStopAt === undefined ? life : undefined),
    kill: () => end('SIGKILL'),
    async restart() {
      await end('SIGTERM')
      await start()
    },
    async freeze(seconds) {
      child?.kill('SIGSTOP')
      await sleep(seconds * 1000)
      child?.kill('SIGCONT')
    },
    stop: () => end('SIGTERM'),
    async close() {
      isClosed = true
      child?.kill('SIGKILL')
      await end('SIGKILL')
    },
  }
}

const logLine = z.object({ url: z.string().optional() })

function urlIn(line: string): string | undefined {
  try {
    return logLine.parse(JSON.parse(line)).url
  } catch {
    return undefined
  }
}
