import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { z } from 'zod'

/** A server that the demo started. */
export interface ServerProcess {
  readonly url: string
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>
  stop(): void
}

const logLine = z.looseObject({ url: z.string().optional(), level: z.string(), msg: z.string() })

/**
 * Starts the server as a process of its own and waits until it listens. Afterwards its warnings and errors go to standard
 * error.
 *
 * @throws Error with what the server said when it does not start.
 */
export function startServer(env: NodeJS.ProcessEnv): Promise<ServerProcess> {
  // Its own group: Ctrl-C reaches the demo, which then stops the server in order.
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/server.ts'], {
    env,
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  process.once('exit', () => child.kill('SIGTERM'))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const said: string[] = []
  child.stderr.on('data', (data: Buffer) => said.push(data.toString()))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${said.join('').trim()}`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { url, level, msg } = readLine(line)
      if (url !== undefined) resolve({ url, ended, stop: () => void child.kill('SIGTERM') })
      else if (level === 'warn' || level === 'error') process.stderr.write(`  server: ${msg}\n`)
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
