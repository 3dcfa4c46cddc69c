import { execFile } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Cleanup, makeScratchFolder } from './cleanup.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))

/** Another revision of this repository, ready to be built. */
export interface Checkout {
  readonly folder: string
  /** Its short hash. */
  readonly name: string
}

/**
 * Checks a revision out into a temporary folder, with the `node_modules` of this one where the lock files are the same and
 * installed anew where they are not. The cleanup removes it.
 *
 * @throws Error that names the revision when git does not know it.
 */
export async function checkOut(revision: string, cleanup: Cleanup): Promise<Checkout> {
  const git = async (...args: readonly string[]) => (await run('git', [...args], { cwd: root })).stdout.trim()
  const name = await git('rev-parse', '--short', '--verify', `${revision}^{commit}`).catch(() => {
    throw new Error(`git does not know the revision "${revision}"`)
  })
  const folder = join(makeScratchFolder(cleanup), 'old')
  cleanup.add(async () => {
    await git('worktree', 'remove', '--force', folder).catch(() => git('worktree', 'prune'))
  })
  await git('worktree', 'add', '--detach', folder, name)
  if (lockOf(folder) === lockOf(root)) symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  else await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder })
  return { folder, name }
}

/**
 * Installs another Node into a temporary folder, from the package that has its program for this kind of machine, and gives the
 * program's path. The cleanup removes it.
 *
 * @param version such as `24` or `24.11.0`
 */
export async function installNode(version: string, cleanup: Cleanup): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`
  const folder = makeScratchFolder(cleanup)
  const options = ['--prefix', folder, '--no-save', '--no-audit', '--no-fund']
  await run('npm', ['install', ...options, `${name}@${version}`])
  return join(folder, 'node_modules', name, 'bin', 'node')
}

const lockOf = (folder: string) => readFileSync(join(folder, 'package-lock.json'), 'utf8')
