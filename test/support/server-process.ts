import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, vi } from 'vitest'
import { z } from 'zod'

/** The server's entry with the test environment. */
export const serverEntry: string = fileURLToPath(new URL('../environment/server.ts', import.meta.url))
const tsx = import.meta.resolve('tsx')

/** A server in a process of its own. */
export interface ServerProcess {
  readonly child: ChildProcess
  /** What it has written so far. */
  readonly written: { out: string; err: string }
  /** Resolves with its exit code once it has ended. */
  readonly ended: Promise<number | null>
}

/** Starts a server in a folder, with these variables and no others; `entry` serves another environment. */
export function spawnServer(
  cwd: string,
  env: Record<string, string>,
  entry: string = serverEntry,
  args: readonly string[] = [],
): ServerProcess {
  const { PATH = '' } = process.env
  const options = { cwd, env: { PATH, ...env } }
  const child = spawn(process.execPath, ['--import', tsx, entry, ...args], {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const written = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => {
    written.out += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    written.err += chunk.toString()
  })
  const ended = once(child, 'close').then(([code]) => z.number().nullable().parse(code))
  return { child, written, ended }
}

const logLine = z.looseObject({ level: z.string(), time: z.string(), msg: z.string(), url: z.string().optional() })

/** The lines of its log. */
export function logOf({ written }: ServerProcess) {
  const lines = written.out.trim().split('\n')
  return lines.map((line) => logLine.parse(JSON.parse(line)))
}

/** Waits until it logs its address, and returns that. */
export async function addressOf(server: ServerProcess): Promise<string> {
  const { written } = server
  const listening = () => expect(`${written.out}${written.err}`).toContain('listening on')
  await vi.waitFor(listening, { timeout: 20_000 })
  return logOf(server).find(({ msg }) => msg.startsWith('listening on'))?.url ?? ''
}

/** Kills it if it has not ended. */
export async function kill({ child, ended }: ServerProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  await ended
}
