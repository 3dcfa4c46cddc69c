import {
  existsSync,
  linkSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Binaries } from './binaries.ts'
import { type Cluster, isAlive } from './cluster.ts'
import { type Identity, run } from './run.ts'

/** A PostgreSQL server as its `postmaster.pid` describes it. */
export interface Postmaster {
  readonly pid: number
  readonly port: number
  /** The folder of its Unix socket; empty without one. */
  readonly socketFolder: string
  /** `starting`, `ready`, `stopping`, or empty right after the start. */
  readonly status: string
}

/** What is needed to run the server of one database. */
export interface Programs {
  readonly cluster: Cluster
  readonly binaries: Binaries
  readonly identity: Identity | undefined
}

const maxLogBytes = 10_000_000
const minFreeBytes = 1_000_000
const maxStopMilliseconds = 60_000

/** The server that runs on these files, or `undefined`; the file that a dead server left behind does not count. */
export function findPostmaster(data: string): Postmaster | undefined {
  const file = join(data, 'postmaster.pid')
  const text = readIfThere(file)
  const postmaster = text === undefined ? undefined : parse(text)
  if (text === undefined || postmaster === undefined || !isAlive(postmaster.pid)) return undefined
  if (isWorkingIn(postmaster.pid, data)) return postmaster
  // The id belongs to another process now (after a reboot, or in a copy of the clone), and PostgreSQL would not start.
  setAside(file, text)
  return undefined
}

/** Sets the lock file of a server's Unix socket aside, which begins like its other one, if that server does not run any more. */
function unlockSocket(file: string, data: string): void {
  const text = statSync(file, { throwIfNoEntry: false })?.isFile() ? readIfThere(file) : undefined
  const owner = text === undefined ? undefined : parse(text)
  if (text !== undefined && owner !== undefined && !isWorkingIn(owner.pid, data)) setAside(file, text)
}

function parse(text: string): Postmaster | undefined {
  const lines = text.split('\n')
  const pid = Number.parseInt(lines[0] ?? '', 10)
  const [port, socketFolder = '', , , status = ''] = lines.slice(3)
  return pid > 0
    ? { pid, port: Number(port ?? 0), socketFolder: socketFolder.trim(), status: status.trim() }
    : undefined
}

/** A server's working directory is its data directory; where the system does not show it, the file is trusted. */
function isWorkingIn(pid: number, data: string): boolean {
  if (!existsSync('/proc/self/cwd')) return true
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data)
  } catch (error) {
    // A zombie still has an id but no working directory.
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT')
  }
}

function setAside(file: string, text: string): void {
  const aside = `${file}.${process.pid}`
  try {
    renameSync(file, aside)
    // Another process may have started the server between the read and the rename: then the file is put back.
    if (readFileSync(aside, 'utf8') !== text) linkSync(aside, file)
  } catch {}
  rmSync(aside, { force: true })
}

/** The result of a start: if it failed, the reason in the log, and all that is known about it. */
interface Start {
  readonly started: boolean
  readonly reason: string
  readonly problem: string
}

/**
 * Starts the server on the loopback address and on a Unix socket beside its files, and waits until it accepts connections. It
 * gets the port that it had before, if that is free. It has no socket where the system cannot make one there. When another
 * process starts it at the same time, this one fails and {@link findPostmaster} finds the other.
 */
export async function startPostmaster(programs: Programs): Promise<Start> {
  const folder = socketFolderOf(programs.cluster)
  const start = await startIn(programs, folder)
  // Shared folders of virtual machines, for example, take no sockets.
  const isOfSocket = /Unix-domain|\.s\.PGSQL/.test(start.reason)
  return isOfSocket && folder !== '' ? await startIn(programs, '') : start
}

/** The longest path of a socket on all systems, in bytes. */
const maxSocketPath = 103

/** The folder of a server's Unix socket, which only its user can enter; empty for a path that a setting cannot carry. */
function socketFolderOf({ data }: Cluster): string {
  const folder = dirname(data)
  const isShort = Buffer.byteLength(`${folder}/.s.PGSQL.65535`) <= maxSocketPath
  return process.platform !== 'win32' && isShort && /^[\w./-]+$/.test(folder) ? folder : ''
}

async function startIn({ cluster, binaries, identity }: Programs, socketFolder: string): Promise<Start> {
  if (existsSync(cluster.log) && statSync(cluster.log).size > maxLogBytes) truncateSync(cluster.log)
  const before = existsSync(cluster.log) ? statSync(cluster.log).size : 0
  const port = await freePort(earlierPort(cluster.data)).catch(() => freePort(0))
  if (socketFolder !== '') unlockSocket(join(socketFolder, `.s.PGSQL.${port}.lock`), cluster.data)
  const args = [
    'start',
    '-w',
    '-t',
    '600',
    '-D',
    cluster.data,
    '-l',
    cluster.log,
    '-o',
    `-p ${port} -k '${socketFolder}'`,
  ]
  const outcome = await run(binaries.pgCtl, args, identity)
  if (outcome.code === 0) return { started: true, reason: '', problem: '' }
  const text = readIfThere(cluster.log) ?? ''
  const lastLines = text.trim().split('\n').slice(-12).join('\n')
  const reason = fullDisk(cluster) || reasonsIn(Buffer.from(text).subarray(before).toString())
  return {
    started: false,
    reason,
    problem: `${reason || 'see below'}\n${outcome.output}\nThe last lines of ${cluster.log}:\n${lastLines}`,
  }
}

/** The reason in the log why the server stopped, on one line; empty if the log has none, as after a SIGKILL. */
export function reasonInLog(cluster: Cluster): string {
  const sinceStart = (readIfThere(cluster.log) ?? '').split(/starting PostgreSQL .*/).at(-1) ?? ''
  return fullDisk(cluster) || reasonsIn(sinceStart)
}

/** On a full disk, the reason does not fit into the log either. */
function fullDisk(cluster: Cluster): string {
  const { bavail, bsize } = statfsSync(dirname(cluster.log))
  return bavail * bsize < minFreeBytes ? `No space left on device: ${dirname(cluster.log)}` : ''
}

const clientsFault =
  /authentication failed|terminating|starting up|not yet accepting|shutting down|recovery|does not exist/
// Every recovery ends with "invalid record length" or the like: it is where the write-ahead log ends.
const serversFault =
  /could not|unrecognized|terminated by signal|invalid (?!record|magic number|resource manager|contrecord|info bits)/

/** The last lines that may be the reason, without their time and process; lines about refused clients do not count. */
function reasonsIn(log: string): string {
  const lines = log.split('\n').flatMap((line) => {
    const [, level, text = ''] = /^\S+ \S+ \S+ \[\d+\] ([A-Z0-9]+): +(.*)$/.exec(line) ?? []
    // What goes wrong before the log is set up is written without time and process.
    if (level === undefined) return /^(?:postgres: |but )(.*)$/.exec(line)?.slice(1) ?? []
    const isReason =
      level === 'PANIC' ||
      (level === 'FATAL' && !clientsFault.test(text)) ||
      (level === 'LOG' && serversFault.test(text))
    return isReason ? [text] : []
  })
  return [...new Set(lines)].slice(-2).join('; ')
}

/** The port in PostgreSQL's own record of its latest start; 0, for any port, before the first start. */
function earlierPort(data: string): number {
  return Number(/"-p" "(\d+)"/.exec(readIfThere(join(data, 'postmaster.opts')) ?? '')?.[1] ?? 0)
}

/** Closes all connections and stops the server; returns when its process has ended, even if another server has started. */
export async function stopPostmaster(data: string, binaries: Binaries, identity: Identity | undefined): Promise<void> {
  const stopping = findPostmaster(data)
  if (stopping === undefined) return
  const outcome = await run(binaries.pgCtl, ['stop', '-W', '-m', 'fast', '-D', data], identity)
  for (let waited = 0; findPostmaster(data)?.pid === stopping.pid; waited += 20) {
    if (waited >= maxStopMilliseconds)
      throw new Error(`the embedded PostgreSQL in ${data} does not stop: ${outcome.output}`)
    await sleep(20)
  }
}

function freePort(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(wanted, '127.0.0.1', () => {
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
