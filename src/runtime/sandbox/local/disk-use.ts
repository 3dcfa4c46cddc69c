import { spawn } from 'node:child_process'
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { writableFolders } from './store.ts'

/** How many files are counted in this process; for more, or for what it cannot read, `du` is started. */
const mostFiles = 200

/** What a sandbox whose folder is given holds on disk, in kilobytes; 0 if it cannot be measured. */
export async function measureDisk(folder: string): Promise<number> {
  return countFew(folder) ?? (await countAll(folder))
}

/** Counts the blocks of a few files; undefined if there are more, or hard links, which must not be counted twice. */
function countFew(folder: string): number | undefined {
  const folders = writableFolders.map((name) => join(folder, name))
  let files = 0
  let blocks = 0
  try {
    for (const path of folders) {
      blocks += lstatSync(path).blocks
      for (const name of readdirSync(path)) {
        files += 1
        if (files > mostFiles) return undefined
        const file = lstatSync(join(path, name))
        if (file.nlink > 1 && !file.isDirectory()) return undefined
        if (file.isDirectory()) folders.push(join(path, name))
        else blocks += file.blocks
      }
    }
  } catch {
    // A command may have closed a folder to its owner, or still runs and removes files.
    return undefined
  }
  return Math.ceil(blocks / 2)
}

/** Counts with `du`, as root of a namespace of its own, who can enter folders that their owner has closed. */
function countAll(folder: string): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn('unshare', ['--user', '--map-root-user', 'du', '-sk', ...writableFolders], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const lines: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => lines.push(chunk))
    child.once('error', () => resolve(0))
    child.once('close', () => {
      const sizes = Buffer.concat(lines).toString().matchAll(/^\d+/gm)
      resolve([...sizes].reduce((sum, [kilobytes]) => sum + Number(kilobytes), 0))
    })
  })
}
