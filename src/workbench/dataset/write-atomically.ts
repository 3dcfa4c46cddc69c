import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { finished } from 'node:stream/promises'

/** A file that is being written under another name. */
export interface AtomicFile {
  /** Writes a line; waits while the disk is slower than the rows. */
  line(text: string): Promise<void>
  /** Closes it and returns what was written: SHA-256 in hex, and the size. */
  close(): Promise<{ readonly sha256: string; readonly bytes: number; readonly lines: number }>
}

/**
 * Writes several files, all or none: `write` fills temporary files next to them, which are renamed, in the given order, when
 * it is done. If it throws, or a file cannot be closed, the temporary files are removed and the previous files stay.
 */
export async function writeAtomically<T>(
  paths: readonly string[],
  write: (open: (path: string) => AtomicFile) => Promise<T>,
): Promise<T> {
  const temporary = (path: string) => `${path}.${process.pid}.part`
  const streams: { destroy(): unknown }[] = []
  const open = (path: string): AtomicFile => {
    const stream = createWriteStream(temporary(path), { flags: 'wx' })
    streams.push(stream)
    const digest = createHash('sha256')
    let bytes = 0
    let lines = 0
    let problem: Error | undefined
    stream.on('error', (error) => {
      problem = error
    })
    return {
      async line(text) {
        if (problem) throw problem
        const data = `${text}\n`
        digest.update(data)
        bytes += Buffer.byteLength(data)
        lines += 1
        if (!stream.write(data)) await once(stream, 'drain')
      },
      async close() {
        stream.end()
        await finished(stream)
        return { sha256: digest.digest('hex'), bytes, lines }
      },
    }
  }
  const made: string[] = []
  try {
    for (const folder of new Set(paths.map(dirname))) {
      if (await mkdir(folder, { recursive: true })) made.push(folder)
    }
    const result = await write(open)
    for (const path of paths) await rename(temporary(path), path)
    return result
  } catch (error) {
    for (const stream of streams) stream.destroy()
    for (const path of paths) await rm(temporary(path), { force: true })
    // A folder that is not empty holds files of others.
    for (const folder of made) await rmdir(folder).catch(() => {})
    throw error
  }
}
