import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringifyExactly } from '../base/exact-json.ts'
import { contentHash, parseJson } from '../base/json.ts'
import { readBytes, readLines, startsAsGzip } from '../base/json-lines.ts'
import { RequestError } from '../kit/errors.ts'

/** Returns the task part of a row; or why the row does not fit the environment, without its values. */
export type TaskOf = (
  row: unknown,
) => { readonly fits: true; readonly task: unknown } | { readonly fits: false; readonly message: string }

/** A file of JSON Lines whose rows are read one at a time, by their index. */
export interface DatasetFile {
  readonly count: number
  /**
   * Reads the rows from an index on: at most `most`, and at most some 256 kB of them, but at least one if there is one. Throws
   * a `RequestError`, 500 `dataset_changed`, if the file was written to since it was opened.
   */
  read(from: number, most: number): Promise<readonly unknown[]>
  /** The indices of the rows whose task may be this one; few others have the same key. */
  withTaskKey(key: number): readonly number[]
  close(): Promise<void>
}

/** How many bytes are read at once, unless a row is longer. */
const mostReadBytes = 256 * 1024

/** A number that tasks have in common if they are equal, and hardly otherwise. */
export function taskKey(task: unknown): number {
  return Number.parseInt(taskHash(task).slice(0, 12), 16)
}

/** SHA-256 of a task in the form in which a listing carries it. */
export function taskHash(task: unknown): string {
  return contentHash(parseJson(stringifyExactly(task) ?? 'null'))
}

/**
 * Opens a file of JSON Lines, plain or gzip, and validates each row. Kept in memory are 20 bytes per row. A gzip file is
 * unpacked into a temporary file first, which disappears with the process.
 *
 * @throws the file system's error, or an Error that names the file and the line: of a line that is not a JSON object or does
 * not fit the environment, of a damaged gzip file, of a file without rows.
 */
export async function openDatasetFile(file: string, taskOf: TaskOf): Promise<DatasetFile> {
  if (!(await startsAsGzip(file))) return openRows(file, file, taskOf)
  const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-dataset-'))
  try {
    const unpacked = join(folder, 'rows.jsonl')
    await writeFile(unpacked, readBytes(file), { mode: 0o600 })
    return await openRows(unpacked, file, taskOf)
  } finally {
    // The open file stays readable without its name.
    await rm(folder, { recursive: true, force: true })
  }
}

async function openRows(path: string, name: string, taskOf: TaskOf): Promise<DatasetFile> {
  const handle = await open(path)
  try {
    const { size, mtimeMs } = await handle.stat()
    const mustBeUnchanged = async () => {
      const now = await handle.stat()
      if (now.size === size && now.mtimeMs === mtimeMs) return
      const message = 'a dataset file was written to since the server started; restart the server'
      throw new RequestError(500, 'dataset_changed', message, { details: { file: name } })
    }
    const { starts, lengths, keys, byKey } = await indexLines(path, name, taskOf)
    if (starts.length === 0) throw new Error(`${name} has no rows`)
    await mustBeUnchanged()
    return {
      count: starts.length,
      async read(from, most) {
        const start = starts[from]
        if (start === undefined || most < 1) return []
        const endOf = (at: number) => (starts[at] ?? 0) + (lengths[at] ?? 0)
        let last = from
        while (last + 1 < Math.min(from + most, starts.length) && endOf(last + 1) - start <= mostReadBytes) last += 1
        await mustBeUnchanged()
        const bytes = endOf(last) - start
        const { buffer } = await handle.read(Buffer.allocUnsafe(bytes), 0, bytes, start)
        const positions = Array.from(starts.subarray(from, last + 1), (at) => at - start)
        return positions.map((at, row) => {
          const line = buffer.subarray(at, at + (lengths[from + row] ?? 0))
          return parseJson(new TextDecoder().decode(line))
        })
      },
      withTaskKey(key) {
        const found: number[] = []
        for (let at = firstWith(key, keys, byKey); keys[byKey[at] ?? -1] === key; at += 1) found.push(byKey[at] ?? 0)
        return found.sort((a, b) => a - b)
      },
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Where the rows of a file are, and the keys of their tasks. */
interface LineIndex {
  /** The position of each row in the unpacked file, and its length, in bytes. */
  readonly starts: Float64Array
  readonly lengths: Uint32Array
  readonly keys: Float64Array
  /** The rows' indices in the order of their keys. */
  readonly byKey: Uint32Array
}

async function indexLines(path: string, name: string, taskOf: TaskOf): Promise<LineIndex> {
  const starts: number[] = []
  const lengths: number[] = []
  const keys: number[] = []
  for await (const { line, text, problem, bytes, end } of readLines(path)) {
    const refuse = (why: string) => new Error(`${name}, line ${line}, ${why}`)
    if (text === undefined) throw refuse(problem)
    const read = taskOf(rowIn(text, refuse))
    if (!read.fits) throw refuse(`does not fit the environment: ${read.message}`)
    starts.push(end - bytes - 1)
    lengths.push(bytes)
    keys.push(taskKey(read.task))
  }
  const sorted = Uint32Array.from(keys.keys()).sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0))
  return {
    starts: Float64Array.from(starts),
    lengths: Uint32Array.from(lengths),
    keys: Float64Array.from(keys),
    byKey: sorted,
  }
}

function rowIn(text: string, refuse: (why: string) => Error): object {
  let row: unknown
  try {
    row = parseJson(text)
  } catch (error) {
    // The parser's message quotes the row, which has the reference.
    throw refuse(error instanceof RangeError ? `cannot be used: ${error.message}` : 'is not JSON')
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row)) throw refuse('is JSON, but not an object')
  return row
}

/** The first place in `byKey` whose row has a key that is not less. */
function firstWith(key: number, keys: Float64Array, byKey: Uint32Array): number {
  let [low, high] = [0, byKey.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[byKey[middle] ?? 0] ?? 0) < key) low = middle + 1
    else high = middle
  }
  return low
}
