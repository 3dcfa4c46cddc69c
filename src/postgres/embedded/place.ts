import { createHash, randomUUID } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { type Identity, run } from './run.ts'

/** Directories for the data of clones that PostgreSQL's user cannot enter; the first usable one is taken. */
export const systemBases: readonly string[] = ['/var/lib/scorekeeper', '/var/tmp/scorekeeper']

/** The user `nobody` on most systems. */
const nobody = 65534

/**
 * The user to run PostgreSQL as, because it refuses to run as root. For root it is the owner of the project, or 65534 when
 * that is root too or has no name; for every other user it is `undefined`, which means the user of this process.
 */
export async function chooseIdentity(dir: string): Promise<Identity | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const { uid, gid } = statSync(nearestExisting(dirname(resolve(dir))))
  const hasName = uid !== 0 && (await run('id', ['-nu', String(uid)], undefined)).code === 0
  return hasName ? { uid, gid } : { uid: nobody, gid: nobody }
}

/**
 * The directory for the database of `dir`: `<dir>/postgres`, or one under `bases` that belongs to `dir` alone when
 * `identity` cannot enter `dir`. Makes its parents, not the directory itself.
 *
 * @throws Error when no directory can be used, or when the existing one belongs to another user.
 */
export async function findPlace(
  dir: string,
  identity: Identity | undefined,
  bases: readonly string[],
): Promise<string> {
  const reachable = await canEnter(nearestExisting(dir), identity)
  if (makeDataDirectory(dir) && identity) {
    const { uid, gid } = statSync(dirname(resolve(dir)))
    // As if the owner of the project had made it.
    chownSync(dir, uid, gid)
  }
  const place =
    reachable && (await canEnter(dir, identity)) ? join(dir, 'postgres') : await ownPlace(dir, identity, bases)
  const owner = identity?.uid ?? process.getuid?.()
  if (owner !== undefined && existsSync(place)) {
    const found = lstatSync(place)
    if (!found.isDirectory() || found.uid !== owner) {
      throw new Error(`${place} is not a directory that belongs to user ${owner}: remove it, or run as its owner.`)
    }
  }
  return place
}

async function ownPlace(dir: string, identity: Identity | undefined, bases: readonly string[]): Promise<string> {
  const base = await openBase(bases, identity)
  if (base === undefined) throw new Error(`None of ${bases.join(', ')} can be used to keep the database of ${dir}.`)
  const home = realpathSync(dir)
  // The id is deleted with the clone, so that a new clone at the same path starts empty; the path tells copies apart.
  const key = createHash('sha256')
    .update(`${home}\n${idOf(home)}`)
    .digest('hex')
    .slice(0, 12)
  return join(base, `${basename(dirname(home)) || 'root'}-${key}`)
}

/** The first of `bases` that only this user can write to and that `identity` can enter; created if it does not exist. */
export async function openBase(bases: readonly string[], identity: Identity | undefined): Promise<string | undefined> {
  for (const base of bases) {
    try {
      if (mkdirSync(base, { recursive: true }) !== undefined) chmodSync(base, 0o711)
      const found = lstatSync(base)
      const ours = found.isDirectory() && found.uid === (process.getuid?.() ?? found.uid) && (found.mode & 0o022) === 0
      if (ours && (await canEnter(base, identity))) return base
    } catch {}
  }
  return undefined
}

async function canEnter(dir: string, identity: Identity | undefined): Promise<boolean> {
  // The kernel decides, because modes do not show access lists, mounts and namespaces.
  return identity === undefined || (await run('/bin/sh', ['-c', 'cd -- "$1"', 'sh', dir], identity)).code === 0
}

function nearestExisting(path: string): string {
  let at = resolve(path)
  while (!existsSync(at)) at = dirname(at)
  return at
}

function idOf(dir: string): string {
  const file = join(dir, 'id')
  if (!existsSync(file)) {
    const draft = `${file}.${process.pid}`
    writeFileSync(draft, randomUUID())
    try {
      // A link and not a rename, so that the first of two processes wins.
      linkSync(draft, file)
    } catch {}
    rmSync(draft)
  }
  return readFileSync(file, 'utf8')
}

/**
 * Creates the directory that `DATA_DIR` names, with its parents, if it does not exist; returns whether it did so.
 *
 * @throws Error that names the variable, its value and what it should be, when it cannot be created or written to.
 */
export function makeDataDirectory(dir: string): boolean {
  try {
    const isNew = make(resolve(dir))
    if (!existsSync(join(dir, 'postgres'))) accessSync(dir, constants.W_OK | constants.X_OK)
    return isNew
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`DATA_DIR was "${dir}"; it must be a directory that this user can create and write to: ${reason}`, {
      cause,
    })
  }
}

/** One level at a time: where nothing can be created, as in /proc, Node's own `recursive` option never returns. */
function make(path: string): boolean {
  if (existsSync(path)) {
    if (!statSync(path).isDirectory()) throw new Error(`${path} is not a directory`)
    return false
  }
  make(dirname(path))
  try {
    mkdirSync(path)
    return true
  } catch (error) {
    // Another process may have created it at the same time.
    if (!existsSync(path)) throw error
    return make(path)
  }
}
