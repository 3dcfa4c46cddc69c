import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'

/** One value of a file: where it stands, and the value or what is wrong with it. */
export type ReadValue = { readonly where: string } & ({ readonly value: unknown } | { readonly problem: string })

/** Told how many bytes of a file have been read, and of how many. */
export type OnBytes = (done: number, total: number) => void

/**
 * Reads a file of JSON Lines, value by value without holding it whole, or of one JSON array; plain or gzipped, which the
 * content tells and not the name. Blank lines are passed over.
 *
 * @throws Error naming the file when it cannot be read or unpacked, or when an array is not JSON.
 */
export async function* readValues(file: string, onBytes: OnBytes = () => {}): AsyncGenerator<ReadValue> {
  try {
    let rest = ''
    let line = 0
    let whole: string[] | undefined
    for await (const text of textOf(file, onBytes)) {
      if (whole === undefined && line === 0 && (rest + text).trimStart().startsWith('[')) whole = []
      if (whole !== undefined) {
        whole.push(rest, text)
        rest = ''
        continue
      }
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const each of lines) {
        line += 1
        if (each.trim() !== '') yield { where: `line ${line}`, ...parseJson(each) }
      }
    }
    if (whole === undefined) {
      if (rest.trim() !== '') yield { where: `line ${line + 1}`, ...parseJson(rest) }
      return
    }
    const values: unknown = JSON.parse(whole.join(''))
    if (!Array.isArray(values)) throw new Error('is neither JSON Lines nor a JSON array')
    for (const [at, value] of values.entries()) yield { where: `record ${at + 1}`, value }
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

async function* textOf(file: string, onBytes: OnBytes): AsyncGenerator<string> {
  const { size } = await stat(file)
  const packed = await isGzip(file)
  const source = createReadStream(file)
  let done = 0
  source.on('data', (chunk) => {
    done += chunk.length
    onBytes(done, size)
  })
  // A failure of either ends the reading below with it.
  const bytes = packed ? pipeline(source, createGunzip(), () => {}) : source
  const decoder = new TextDecoder()
  for await (const chunk of bytes) yield decoder.decode(chunk, { stream: true })
  yield decoder.decode()
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await handle.close()
  }
}

function parseJson(text: string): { value: unknown } | { problem: string } {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return { problem: 'not JSON' }
  }
}
