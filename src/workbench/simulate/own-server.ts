import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { z } from 'zod'

/** The server of this repository, in its own process. */
export interface OwnServer {
  readonly url: string
  /** Resolves when it has ended and is not restarted. */
  readonly ended: Promise<void>
  /** Kills it with SIGKILL, and restarts it at the same address. */
  killAndRestart(): Promise<void>
  /** Shuts it down gracefully. */
  stop(): Promise<void>
}

const logLine = z.looseObject({ url: z.string().optional(), level: z.string(), msg: z.string() })
/**
 * Starts a server as a process of its own and waits until it listens. Its warnings and errors go to `warn`.
 *
 * @param entry the path of the server's entry, TypeScript or compiled
 * @throws Error with the server's output when it does not start.
 */
export async function startOwnServer(
  entry: string,
  env: NodeJS.ProcessEnv,
  warn: (message: string) => void = (message) => void process.stderr.write(`  server: ${message}\n`),
): Promise<OwnServer> {
  let server = await startProcess(entry, env, warn)
  let settled = () => {}
  const ended = new Promise<void>((resolve) => {
    settled = resolve
  })
  const watch = ({ child }: Started) => {
    child.once('exit', () => server.child === child && !restarting && settled())
  }
  let restarting = false
  watch(server)
  const { url } = server
  return {
    url,
    ended,
    async killAndRestart() {
      restarting = true
      const gone = once(server.child, 'exit')
      server.child.kill('SIGKILL')
      await gone
      server = await startProcess(entry, { ...env, PORT: new URL(url).port }, warn)
      restarting = false
      watch(server)
    },
    async stop() {
      server.child.kill('SIGTERM')
      await ended
    },
  }
}

interface Started {
  readonly child: ChildProcess
  readonly url: string
}

function startProcess(entry: string, env: NodeJS.ProcessEnv, warn: (message: string) => void): Promise<Started> {
  const loader = entry.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : []
  // Its own process group: Ctrl-C reaches the parent alone, which then shuts it down gracefully.
  const child = spawn(process.execPath, [...loader, entry], {
    // The line with its address is logged at the level info.
    env: { ...env, LOG_LEVEL: 'info' },
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const leave = () => void child.kill('SIGTERM')
  process.once('exit', leave)
  child.once('exit', () => process.removeListener('exit', leave))
  const output: string[] = []
  child.stderr.on('data', (data: Buffer) => output.push(data.toString()))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${output.join('').trim()}`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { url, level, msg } = readLine(line)
      if (url !== undefined) resolve({ child, url })
      else if (level === 'warn' || level === 'error') warn(msg)
    })
  })
}

function readLine(line: string): z.infer<typeof logLine> {
  try {
    return logLine.parse(JSON.parse(line))
  } catch {
    return { level: 'info', msg: line }
  }
}
