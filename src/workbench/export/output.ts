import { existsSync } from 'node:fs'
import { type FileHandle, open, readFile, rename, writeFile } from 'node:fs/promises'
import { z } from 'zod'

/** A file that an export writes, and resumes. */
export interface OutFile {
  /** Where it resumes; undefined for a new file. */
  readonly cursor: string | undefined
  /** Lines from earlier exports. */
  readonly lines: number
  /** Rollouts of earlier exports, including those that made no line. */
  readonly rollouts: number
  /** Writes lines, and then records that they are written: interrupted in between, they are written again, not twice. */
  write(text: string, lines: number, cursor: string, rollouts: number): Promise<void>
  close(): Promise<void>
}

/** Without a cursor nothing was written yet. */
const stateShape = z.object({
  cursor: z.string().optional(),
  bytes: z.int(),
  lines: z.int(),
  rollouts: z.int(),
  /** The options of the command. */
  asked: z.string(),
})

/**
 * Opens a file to export into. `FILE.cursor` beside it records how much is written, so that the same command resumes, whatever
 * ended the one before.
 *
 * @throws Error if the file exists without a cursor, or was written with other options.
 */
export async function openOutFile(path: string, asked: string): Promise<OutFile> {
  const statePath = `${path}.cursor`
  const state = existsSync(statePath) ? stateShape.parse(JSON.parse(await readFile(statePath, 'utf8'))) : undefined
  if (state === undefined && existsSync(path)) {
    throw new Error(`${path} exists, but ${statePath} with its cursor does not; give another --out`)
  }
  if (state?.cursor !== undefined && state.asked !== asked) {
    throw new Error(`${path} was written by an export with other options (${state.asked}); give another --out`)
  }
  let { bytes, lines, rollouts } = state ?? { bytes: 0, lines: 0, rollouts: 0 }
  const record = async (cursor: string | undefined) => {
    await writeFile(`${statePath}.new`, JSON.stringify({ cursor, bytes, lines, rollouts, asked }))
    await rename(`${statePath}.new`, statePath)
  }
  // Recorded before the file exists: a file without a cursor belongs to something else.
  if (state?.cursor === undefined) await record(undefined)
  const file = await open(path, existsSync(path) ? 'r+' : 'w')
  // Lines that were written but not recorded.
  await cut(file, bytes)
  return {
    cursor: state?.cursor,
    lines,
    rollouts,
    async write(text, count, cursor, rolloutCount) {
      const data = Buffer.from(text)
      // A nearly full disk writes only a part.
      for (let done = 0; done < data.length; ) {
        done += (await file.write(data, done, data.length - done, bytes + done)).bytesWritten
      }
      await file.datasync()
      bytes += data.length
      lines += count
      rollouts += rolloutCount
      await record(cursor)
    },
    close: () => file.close(),
  }
}

async function cut(file: FileHandle, bytes: number): Promise<void> {
  const { size } = await file.stat()
  if (size < bytes) throw new Error('the file is shorter than its .cursor says, so it was changed; give another --out')
  await file.truncate(bytes)
}

/** Writes to a stream that may be slow, or closed. */
export interface Writer {
  /**
   * Resolves when the text is written, with false when the reader closed the stream, as `head` does. Rejects with another
   * error, such as a full disk.
   */
  write(text: string): Promise<boolean>
}

const closedCodes: readonly unknown[] = ['EPIPE', 'ERR_STREAM_DESTROYED']

/** Writes to a stream with back-pressure; a closed stream is an end, not a failure. */
export function writerTo(stream: NodeJS.WritableStream): Writer {
  // Each write gets the error.
  stream.on('error', () => {})
  return {
    write: (text) =>
      new Promise((resolve, reject) => {
        stream.write(text, (error?: NodeJS.ErrnoException | null) => {
          if (error === undefined || error === null) resolve(true)
          else if (closedCodes.includes(error.code)) resolve(false)
          else reject(error)
        })
      }),
  }
}
