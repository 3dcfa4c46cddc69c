import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmod, lstat, mkdir, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { SandboxError } from '../provider.ts'
import { missing } from './store.ts'

const run = promisify(execFile)

/** The user that the commands belong to, where the server is root. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

/**
 * Keeps one copy of each template for all sandboxes, which lay their own writes over it. The copy belongs to the user that the
 * commands run as: a file that belongs to somebody else can be read in an overlay and not changed (EOVERFLOW).
 *
 * A template is copied when it is first used in a process, and again in the next process if any of its files has changed.
 */
export function createTemplates(root: string, owner: Owner | undefined) {
  const copies = new Map<string, Promise<string>>()

  async function copy(template: string): Promise<string> {
    const source = await realpath(template).catch(missing)
    if (source === undefined || !(await stat(source)).isDirectory()) {
      throw new SandboxError('refused', `the template ${template} is not a folder`)
    }
    const name = createHash('sha256')
      .update(`${source}\n${owner?.uid}:${owner?.gid}\n${await fingerprint(source)}`)
      .digest('hex')
      .slice(0, 32)
    const target = join(root, name)
    if ((await stat(target).catch(missing)) !== undefined) return name
    const draft = join(root, `.new-${randomBytes(8).toString('hex')}`)
    await mkdir(root, { recursive: true })
    try {
      await run('cp', ['-R', '-P', '--preserve=mode,timestamps,links', '--reflink=auto', '--', source, draft])
      if (owner !== undefined) await run('chown', ['-R', '-h', `${owner.uid}:${owner.gid}`, '--', draft])
      // The server may run with a umask that hides the template from the sandboxes' user.
      await chmod(draft, 0o755)
      await rename(draft, target)
    } catch (error) {
      await rm(draft, { recursive: true, force: true })
      // Another process may have been faster.
      if ((await stat(target).catch(missing)) === undefined) throw error
    }
    return name
  }

  return {
    /** The name of the folder in `root` with the copy of a template. */
    copyOf(template: string): Promise<string> {
      const known = copies.get(template)
      if (known !== undefined) return known
      const made = copy(template)
      copies.set(template, made)
      made.catch(() => copies.delete(template))
      return made
    },
  }
}

/** A hash of the names, sizes, modes and times of all files below a folder. */
async function fingerprint(folder: string): Promise<string> {
  const hash = createHash('sha256')
  const visit = async (path: string, name: string): Promise<void> => {
    const { mode, size, mtimeMs } = await lstat(path)
    const directory = (mode & 0o170000) === 0o040000
    hash.update(JSON.stringify([name, mode, directory ? 0 : size, directory ? 0 : mtimeMs]))
    if (!directory) return
    for (const entry of (await readdir(path)).sort()) await visit(join(path, entry), `${name}/${entry}`)
  }
  await visit(folder, '')
  return hash.digest('hex')
}
