import { randomBytes } from 'node:crypto'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Binaries } from './binaries.ts'
import { type Identity, type Outcome, run } from './run.ts'

/** The files of a database: PostgreSQL's data directory, its log, and the password of its only user. */
export interface Cluster {
  readonly data: string
  readonly log: string
  readonly password: string
}

/** The name of the embedded database's only user. */
export const userName = 'scorekeeper'

// Connections need the loopback address, or the socket in a folder that only the user can enter, and the random password.
// PostgreSQL's defaults keep the data safe in a crash.
const settings: readonly string[] = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'max_connections=200',
  'shared_buffers=128MB',
  'timezone=UTC',
  'log_timezone=UTC',
  'password_encryption=scram-sha-256',
]
const throwaway: readonly string[] = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']

/**
 * Opens the database files in `place`, and creates them if they do not exist. Several processes may do so at once: each
 * creates its own, and the first one to move them into place wins.
 *
 * @throws Error when the files were created by another major version of PostgreSQL, or cannot be created.
 */
export async function openCluster(
  place: string,
  binaries: Binaries,
  identity: Identity | undefined,
  durable: boolean,
): Promise<Cluster> {
  const cluster = { data: join(place, 'data'), log: join(place, 'postgres.log') }
  const versionFile = join(cluster.data, 'PG_VERSION')
  if (!existsSync(versionFile)) await create(place, binaries, identity, durable)
  const version = readFileSync(versionFile, 'utf8').trim()
  if (version !== String(binaries.major)) {
    throw new Error(
      `${cluster.data} was made by PostgreSQL ${version} and this is PostgreSQL ${binaries.major}. ` +
        `Dump it with the old version, or remove ${place} to start with an empty database.`,
    )
  }
  return { ...cluster, password: readFileSync(join(place, 'password'), 'utf8') }
}

async function create(
  place: string,
  binaries: Binaries,
  identity: Identity | undefined,
  durable: boolean,
): Promise<void> {
  sweep(place)
  const draft = mkdtempSync(`${place}.new-${process.pid}-`)
  const password = join(draft, 'password')
  try {
    writeFileSync(password, randomBytes(24).toString('base64url'), { mode: 0o600, flush: durable })
    if (identity) for (const path of [draft, password]) chownSync(path, identity.uid, identity.gid)
    const made = await runInitdb(binaries, initdbArguments(draft, password, durable), identity)
    if (made.code !== 0) throw new Error(`PostgreSQL could not create its files in ${draft}:\n${made.output}`)
    renameSync(draft, place)
  } catch (error) {
    if (!existsSync(join(place, 'data', 'PG_VERSION'))) throw error
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

async function runInitdb(binaries: Binaries, args: string[], identity: Identity | undefined): Promise<Outcome> {
  const outcome = await run(binaries.initdb, args, identity)
  if (!outcome.output.includes('could not look up effective user ID')) return outcome
  // initdb needs a user with a name, which a number given to a container does not have: a user namespace maps it to one.
  const named = ['--user', '--map-user=65534', '--map-group=65534', binaries.initdb, ...args]
  const again = await run('unshare', named, identity)
  return again.code === 0 ? again : outcome
}

function initdbArguments(draft: string, password: string, durable: boolean): string[] {
  return [
    ['-D', join(draft, 'data'), '--pwfile', password, '--username', userName, '--auth', 'scram-sha-256'],
    // The same sort order and character classes on every machine, whatever locales are installed.
    ['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
    durable ? [] : ['--no-sync'],
    [...settings, ...(durable ? [] : throwaway)].flatMap((setting) => ['-c', setting]),
  ].flat()
}

/** Removes the drafts of processes that were killed. */
function sweep(place: string): void {
  mkdirSync(dirname(place), { recursive: true })
  for (const name of readdirSync(dirname(place))) {
    const pid = name.startsWith(`${basename(place)}.new-`) ? /\.new-(\d+)-/.exec(name)?.[1] : undefined
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(dirname(place), name), { recursive: true, force: true })
  }
}

/** Whether a process with this id exists, whichever user it belongs to. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
