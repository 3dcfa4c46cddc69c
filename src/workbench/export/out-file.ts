import { existsSync } from 'node:fs'
import { type FileHandle, open, readFile, rename, writeFile } from 'node:fs/promises'
import { z } from 'zod'

/** A file that an export writes into, and goes on with. */
export interface OutFile {
  /** Where it goes on; undefined for a file that is begun. */
  readonly cursor: string | undefined
  /** Lines that it has from before. */
  readonly lines: number
  /** Rollouts that it was made of before, those included that made no line. */
  readonly rollouts: number
  /** Writes lines, and then that they are there: what is cut short between is written again, and nothing twice. */
  write(text: string, lines: number, cursor: string, rollouts: number): Promise<void>
  close(): Promise<void>
}

/** Without a cursor nothing was written yet. */
const stateShape = z.object({
  ...{ cursor: z.string().optional(), bytes: z.int(), lines: z.int(), rollouts: z.int() },
  asked: z.string(),
})

/**
 * Opens a file to export into. Beside it `FILE.cursor` says how far it is, so that the same command goes on there, whatever
 * ended the one before.
 *
 * Throws an Error where there is a file without it, or one of another command.
 */
export async function openOutFile(path: string, asked: string): Promise<OutFile> {
  const statePath = `${path}.cursor`
  const state = existsSync(statePath) ? stateShape.parse(JSON.parse(await readFile(statePath, 'utf8'))) : undefined
  if (state === undefined && existsSync(path)) {
    throw new Error(`${path} is there already, and no ${statePath} that says how far it is; give another --out`)
  }
  if (state?.cursor !== undefined && state.asked !== asked) {
    throw new Error(`${path} was made by an export with other options (${state.asked}); give another --out`)
  }
  let { bytes, lines, rollouts } = state ?? { bytes: 0, lines: 0, rollouts: 0 }
  const say = async (cursor: string | undefined) => {
    await writeFile(`${statePath}.new`, JSON.stringify({ cursor, bytes, lines, rollouts, asked }))
    await rename(`${statePath}.new`, statePath)
  }
  // Said before the file is there, so that one of which nothing is said is somebody else's.
  if (state?.cursor === undefined) await say(undefined)
  const file = await open(path, existsSync(path) ? 'r+' : 'w')
  // What was written and not yet said to be there.
  await cut(file, bytes)
  return {
    cursor: state?.cursor,
    lines,
    rollouts,
    async write(text, count, cursor, rolloutCount) {
      const data = Buffer.from(text)
      // A disk that is nearly full takes a part.
      for (let done = 0; done < data.length; ) {
        done += (await file.write(data, done, data.length - done, bytes + done)).bytesWritten
      }
      await file.datasync()
      bytes += data.length
      lines += count
      rollouts += rolloutCount
      await say(cursor)
    },
    close: () => file.close(),
  }
}

async function cut(file: FileHandle, bytes: number): Promise<void> {
  const { size } = await file.stat()
  if (size < bytes) throw new Error('the file is shorter than its .cursor says: it was changed; give another --out')
  await file.truncate(bytes)
}
