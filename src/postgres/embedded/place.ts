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

/** Where the data of clones lie that PostgreSQL's user cannot reach: the first of them that can be used. */
export const systemBases: readonly string[] = ['/var/lib/scorekeeper', '/var/tmp/scorekeeper']

const nobody = 65534

/**
 * The user to run PostgreSQL as, since it refuses to run as root: for root the owner of the project, or 65534 when that
 * is root too or has no name; for everyone else `undefined`, which is oneself.
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
 * @throws Error when no directory can be used, or when the one there belongs to somebody else.
 */
export async function findPlace(
  dir: string,
  identity: Identity | undefined,
  bases: readonly string[],
): Promise<string> {
  const reachable = await canEnter(nearestExisting(dir), identity)
  if (makeDataDirectory(dir) && identity) {
    const { uid, gid } = statSync(dirname(resolve(dir)))
    chownSync(dir, uid, gid) // as if the owner of the project had made it
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
  // The id goes when the clone goes, so a new clone at the same path starts afresh; the path tells copies apart.
  const key = createHash('sha256')
    .update(`${home}\n${idOf(home)}`)
    .digest('hex')
    .slice(0, 12)
  return join(base, `${basename(dirname(home)) || 'root'}-${key}`)
}

/** The first of `bases` that is ours alone to write to and that `identity` can go through, made where it is missing. */
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
  // Asked of the kernel: modes alone do not know of access lists, mounts and namespaces.
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
      linkSync(draft, file) // and not a rename: the first of two processes wins
    } catch {}
    rmSync(draft)
  }
  return readFileSync(file, 'utf8')
}

/**
 * Makes the directory that `DATA_DIR` names, with its parents, where it is missing; gives whether it was.
 *
 * @throws Error that names the variable, what it was and what it should be, when it cannot be made or written to.
 */
export function makeDataDirectory(dir: string): boolean {
  try {
    const isNew = make(resolve(dir))
    if (!existsSync(join(dir, 'postgres'))) accessSync(dir, constants.W_OK | constants.X_OK)
    return isNew
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(
      `DATA_DIR was "${dir}"; it must be a directory that can be made and that this user may write to: ${reason}`,
      { cause },
    )
  }
}

/** One level at a time: where nothing can be made, in /proc for instance, Node's own `recursive` tries for ever. */
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
    // Another process may have made it at the same moment.
    if (!existsSync(path)) throw error
    return make(path)
  }
}
