import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'

/** A line of a dataset's file that is not empty: its text, or why it has none that can be read. */
export type Line = { readonly file: string; readonly line: number; readonly bytes: number } & (
  | { readonly text: string; readonly problem?: undefined }
  | { readonly text?: undefined; readonly problem: string }
)

/** How {@link readLines} is stopped and watched. */
export interface Reading {
  readonly signal?: AbortSignal | undefined
  /** Told how many more bytes of the file, as it lies on the disk, were read. */
  readonly onBytes?: ((bytes: number) => void) | undefined
}

/** The longest line that is read, in bytes: a longer one is named and skipped, so that no file can fill the memory. */
export const mostLineBytes = 16 * 1024 * 1024

const newline = 0x0a
const carriageReturn = 0x0d

/**
 * Reads the lines of a file, plain or gzip (known by its first bytes, not by its name), one at a time: the memory it takes
 * does not grow with the file. Empty lines are skipped and counted; a byte order mark at the beginning is dropped.
 *
 * @throws the file system's error, or an Error that names a file that is not gzip to its end.
 */
export async function* readLines(file: string, { signal, onBytes }: Reading = {}): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let held: Buffer[] = []
  let length = 0
  let line = 0
  const take = (): Line | undefined => {
    const bytes = length
    const isLong = bytes > mostLineBytes
    const whole = isLong ? undefined : Buffer.concat(held)
    held = []
    length = 0
    line += 1
    const at = { file, line, bytes }
    if (whole === undefined) return { ...at, problem: `is longer than ${mostLineBytes / 1024 / 1024} MB` }
    try {
      const text = decoder.decode(whole.at(-1) === carriageReturn ? whole.subarray(0, -1) : whole)
      return text.trim() === '' ? undefined : { ...at, text }
    } catch {
      return { ...at, problem: 'is not UTF-8' }
    }
  }
  const hold = (piece: Buffer) => {
    length += piece.length
    if (length <= mostLineBytes) held.push(piece)
    else held = []
  }
  for await (const chunk of readBytes(file, onBytes)) {
    signal?.throwIfAborted()
    let from = 0
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      hold(chunk.subarray(from, at))
      from = at + 1
      const found = take()
      if (found) yield found
    }
    if (from < chunk.length) hold(chunk.subarray(from))
  }
  const last = length > 0 ? take() : undefined
  if (last) yield last
}

async function* readBytes(file: string, onBytes: Reading['onBytes']): AsyncGenerator<Buffer> {
  const isGzip = await beginsAsGzip(file)
  const source = createReadStream(file, { highWaterMark: 256 * 1024 })
  // What breaks on the way breaks the reading of its end, below.
  const stream = isGzip ? pipeline(source, createGunzip(), () => {}) : source
  let told = 0
  try {
    for await (const chunk of stream) {
      onBytes?.(source.bytesRead - told)
      told = source.bytesRead
      if (Buffer.isBuffer(chunk)) yield chunk
    }
  } catch (error) {
    const isBroken = error instanceof Error && 'code' in error && /^Z_/.test(String(error.code))
    throw isBroken ? new Error(`${file} is gzip, but not to its end: ${error.message}`, { cause: error }) : error
  } finally {
    source.destroy()
  }
}

async function beginsAsGzip(file: string): Promise<boolean> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await handle.close()
  }
}
