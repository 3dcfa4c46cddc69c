import { stat } from 'node:fs/promises'
import { readBytes, readJsonLines } from '../../src/base/json-lines.ts'

/** One value of a file: its place, and the value or why it cannot be read. */
export type ReadValue = { readonly where: string } & ({ readonly value: unknown } | { readonly problem: string })

/** Called with the number of bytes read so far and the size of the file. */
export type OnBytes = (done: number, total: number) => void

/**
 * Reads the values of a file: JSON Lines, one value at a time, or one JSON array; plain or gzip, detected from the
 * content, not the name. Blank lines are skipped.
 *
 * @throws Error that names the file if it cannot be read or unpacked, or if an array is not valid JSON.
 */
export async function* readValues(file: string, onBytes: OnBytes = () => {}): AsyncGenerator<ReadValue> {
  try {
    const { size } = await stat(file)
    let done = 0
    const reading = {
      onBytes(bytes: number) {
        done += bytes
        onBytes(done, size)
      },
    }
    if (await isArray(file)) {
      for (const [at, value] of (await readArray(file, reading)).entries()) yield { where: `record ${at + 1}`, value }
      return
    }
    for await (const { line, problem, value } of readJsonLines(file, reading)) {
      const where = `line ${line}`
      yield problem === undefined ? { where, value } : { where, problem: problem.replace(/^is /, '') }
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(message.startsWith(file) ? message : `${file}: ${message}`, { cause: error })
  }
}

async function isArray(file: string): Promise<boolean> {
  for await (const chunk of readBytes(file)) {
    const text = new TextDecoder().decode(chunk).trimStart()
    if (text !== '') return text.startsWith('[')
  }
  return false
}

async function readArray(file: string, reading: Parameters<typeof readBytes>[1]): Promise<readonly unknown[]> {
  const chunks: Buffer[] = []
  for await (const chunk of readBytes(file, reading)) chunks.push(chunk)
  const values: unknown = JSON.parse(new TextDecoder().decode(Buffer.concat(chunks)))
  if (!Array.isArray(values)) throw new Error('is neither JSON Lines nor a JSON array')
  return values
}
