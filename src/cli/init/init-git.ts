import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

async function git(cwd: string, ...args: readonly string[]): Promise<string[]> {
  const { stdout } = await run('git', ['-c', 'core.quotePath=false', ...args], { cwd, maxBuffer: 64 * 1024 * 1024 })
  return stdout.split('\n').filter((line) => line !== '')
}

/** The folder of the git repository that a folder is in; undefined if it is in none, or git is not installed. */
export async function repositoryOf(cwd: string): Promise<string | undefined> {
  try {
    const [root] = await git(cwd, 'rev-parse', '--show-toplevel')
    return root
  } catch {
    return undefined
  }
}

/** The files that are changed, staged, or neither tracked nor ignored. */
export async function changedFiles(root: string): Promise<string[]> {
  return (await git(root, 'status', '--porcelain')).map((line) => line.slice(3))
}

/** The tracked files in a folder. */
export function trackedFiles(root: string, folder: string): Promise<string[]> {
  return git(root, 'ls-files', '--', folder)
}
