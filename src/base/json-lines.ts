import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { z } from 'zod'
import { parseExactly } from './exact-json.ts'
import { describeIssues, showingValues } from './issues.ts'

/** The position of a line in its file. */
interface Place {
  readonly file: string
  /** Its number, from 1; empty lines count. */
  readonly line: number
  /** Its length in bytes, without the line feed. */
  readonly bytes: number
  /** The bytes of the file, unpacked, up to the end of this line and its line feed. */
  readonly end: number
}

/** A line that is not empty: its text, or why it cannot be read. */
export type Line = Place &
  ({ readonly text: string; readonly problem?: undefined } | { readonly text?: undefined; readonly problem: string })

/** A line of JSON Lines that is not empty: its value, or why it cannot be read. */
export type JsonLine = Place &
  (
    | { readonly value: unknown; readonly problem?: undefined }
    | {
        readonly value?: undefined
        readonly problem: string
        /** The JSON parser's message; undefined for another problem. */
        readonly detail?: string | undefined
      }
  )

/** Cancellation and progress of reading. */
export interface Reading {
  readonly signal?: AbortSignal | undefined
  /** Called with the number of further bytes read from the file on disk. */
  readonly onBytes?: ((bytes: number) => void) | undefined
}

/** The longest line that is read, in bytes. A longer one is reported and skipped, so that no file can fill the memory. */
export const mostLineBytes = 16 * 1024 * 1024

const newline = 0x0a
const carriageReturn = 0x0d

/**
 * Reads the lines of a file, one at a time: memory use does not grow with the file. Empty lines are skipped; a byte order
 * mark at the beginning is dropped. Gzip is recognized by its first bytes, not by the name of the file.
 *
 * @throws the file system's error, or an Error that names a truncated gzip file.
 */
export async function* readLines(file: string, reading: Reading = {}): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let held: Buffer[] = []
  let length = 0
  let line = 0
  let end = 0
  const take = (): Line | undefined => {
    const bytes = length
    const isLong = bytes > mostLineBytes
    const whole = isLong ? undefined : Buffer.concat(held)
    held = []
    length = 0
    line += 1
    end += bytes + 1
    const place = { file, line, bytes, end }
    if (whole === undefined) return { ...place, problem: `is longer than ${mostLineBytes / 1024 / 1024} MB` }
    try {
      const text = decoder.decode(whole.at(-1) === carriageReturn ? whole.subarray(0, -1) : whole)
      return text.trim() === '' ? undefined : { ...place, text }
    } catch {
      return { ...place, problem: 'is not UTF-8' }
    }
  }
  const hold = (piece: Buffer) => {
    length += piece.length
    if (length <= mostLineBytes) held.push(piece)
    else held = []
  }
  for await (const chunk of readBytes(file, reading)) {
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

/** Reads JSON Lines, plain or gzip, one value at a time, as {@link readLines} reads lines. */
export async function* readJsonLines(file: string, reading: Reading = {}): AsyncGenerator<JsonLine> {
  for await (const { text, problem, ...place } of readLines(file, reading)) {
    yield text === undefined ? { ...place, problem } : { ...place, ...parsed(text) }
  }
}

/**
 * Reads the first `most` records of a file of JSON Lines, plain or gzip, and no more of the file than that.
 *
 * @param what a record is, for messages: "a row of a dataset"
 * @throws Error that names the line that is not one, or says that the file has none.
 */
export async function readRecords<T>(
  file: string,
  { most, what, parse }: { readonly most: number; readonly what: string; readonly parse: Parse<T> },
): Promise<readonly T[]> {
  const records: T[] = []
  for await (const found of readJsonLines(file)) {
    const { line } = found
    if (found.problem !== undefined) {
      throw new Error(`${file}, line ${line}, ${found.problem}${found.detail === undefined ? '' : `: ${found.detail}`}`)
    }
    const read = parse(found.value, showingValues)
    if (!read.success) throw new Error(`${file}, line ${line}, is not ${what}: ${describeIssues(read.error, 'row')}`)
    records.push(read.data)
    if (records.length === most) break
  }
  if (records.length === 0) throw new Error(`${file} is empty: each of its lines must be ${what}`)
  return records
}

/** Reads a value, as the `safeParse` of a schema does. */
type Parse<T> = (value: unknown, settings: typeof showingValues) => ParseResult<T>

/** What {@link Parse} returns. */
export type ParseResult<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly error: z.ZodError<unknown> }

/**
 * Reads the bytes of a file, unpacked where it is gzip.
 *
 * @throws the file system's error, the signal's reason, or an Error that names a truncated gzip file.
 */
export async function* readBytes(file: string, { signal, onBytes }: Reading = {}): AsyncGenerator<Buffer> {
  const isGzip = await startsAsGzip(file)
  const source = createReadStream(file, { highWaterMark: 256 * 1024 })
  // An error of the source ends the unpacked stream, which is read below.
  const stream = isGzip ? pipeline(source, createGunzip(), () => {}) : source
  let counted = 0
  try {
    for await (const chunk of stream) {
      signal?.throwIfAborted()
      onBytes?.(source.bytesRead - counted)
      counted = source.bytesRead
      if (Buffer.isBuffer(chunk)) yield chunk
    }
  } catch (error) {
    const isBroken = error instanceof Error && 'code' in error && /^Z_/.test(String(error.code))
    throw isBroken
      ? new Error(`${file} is a truncated or damaged gzip file: ${error.message}`, { cause: error })
      : error
  } finally {
    source.destroy()
  }
}

/** Whether a file begins as gzip does. Throws the file system's error. */
export async function startsAsGzip(file: string): Promise<boolean> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await handle.close()
  }
}

function parsed(text: string): { readonly value: unknown } | { readonly problem: string; readonly detail: string } {
  try {
    return { value: parseExactly(text) }
  } catch (error) {
    return { problem: 'is not JSON', detail: error instanceof Error ? error.message : String(error) }
  }
}
