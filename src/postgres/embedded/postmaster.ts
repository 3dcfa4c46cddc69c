import {
  existsSync,
  linkSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Binaries } from './binaries.ts'
import { type Cluster, isAlive } from './cluster.ts'
import { type Identity, run } from './run.ts'

/** A PostgreSQL server as its `postmaster.pid` describes it. */
export interface Postmaster {
  pid: number
  port: number
  /** `starting`, `ready`, `stopping`, or empty when it has only just begun. */
  status: string
}

const maxLogBytes = 10_000_000
const maxStopMilliseconds = 60_000

/** The server that runs on these files, or `undefined` when none does; a file left by a dead one counts as none. */
export function findPostmaster(data: string): Postmaster | undefined {
  const file = join(data, 'postmaster.pid')
  const text = readIfThere(file)
  const postmaster = text === undefined ? undefined : parse(text)
  if (text === undefined || postmaster === undefined || !isAlive(postmaster.pid)) return undefined
  if (isWorkingIn(postmaster.pid, data)) return postmaster
  // The id now belongs to another process (after a reboot, or in a copy of the clone) and PostgreSQL would not start.
  setAside(file, text)
  return undefined
}

function parse(text: string): Postmaster | undefined {
  const lines = text.split('\n')
  const pid = Number.parseInt(lines[0] ?? '', 10)
  return pid > 0 ? { pid, port: Number(lines[3] ?? 0), status: (lines[7] ?? '').trim() } : undefined
}

/** A server's working directory is its data directory; where the system does not tell, the file is believed. */
function isWorkingIn(pid: number, data: string): boolean {
  if (!existsSync('/proc/self/cwd')) return true
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data)
  } catch (error) {
    // A dead process that its parent has not yet buried has an id, but no directory any more.
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT')
  }
}

function setAside(file: string, text: string): void {
  const aside = `${file}.${process.pid}`
  try {
    renameSync(file, aside)
    // Between reading and renaming another process may have started the server: then it is put back.
    if (readFileSync(aside, 'utf8') !== text) linkSync(aside, file)
  } catch {}
  rmSync(aside, { force: true })
}

/**
 * Starts the server on a free port of the loopback address and waits until it takes connections. When somebody else
 * starts it at the same moment, this one fails and {@link findPostmaster} knows the other.
 */
export async function startPostmaster(
  cluster: Cluster,
  binaries: Binaries,
  identity: Identity | undefined,
): Promise<{ started: boolean; problem: string }> {
  if (existsSync(cluster.log) && statSync(cluster.log).size > maxLogBytes) truncateSync(cluster.log)
  const options = `-p ${await freePort()}`
  const args = ['start', '-w', '-t', '600', '-D', cluster.data, '-l', cluster.log, '-o', options]
  const outcome = await run(binaries.pgCtl, args, identity)
  const lastLines = (readIfThere(cluster.log) ?? '').trim().split('\n').slice(-12).join('\n')
  return { started: outcome.code === 0, problem: `${outcome.output}\nThe last lines of ${cluster.log}:\n${lastLines}` }
}

/** Ends all connections and stops the server in order; returns when it is gone, whoever starts another meanwhile. */
export async function stopPostmaster(data: string, binaries: Binaries, identity: Identity | undefined): Promise<void> {
  const stopping = findPostmaster(data)
  if (stopping === undefined) return
  const outcome = await run(binaries.pgCtl, ['stop', '-W', '-m', 'fast', '-D', data], identity)
  for (let waited = 0; findPostmaster(data)?.pid === stopping.pid; waited += 20) {
    if (waited >= maxStopMilliseconds) throw new Error(`The database in ${data} does not stop: ${outcome.output}`)
    await sleep(20)
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
