import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { contentHash, parseJson } from '../../base/json.ts'
import { shorten } from '../../base/text.ts'
import { checkGrader } from './check-grader.ts'
import type { JsonGrader } from './json-grader.ts'

/**
 * Reads the graders of a folder's `*.json` files, in the order of their names; none if the folder does not exist.
 *
 * @param folder ends with a slash
 * @throws Error with a line for each invalid file: its name and what is wrong.
 * @example readJsonGraders(new URL('../../../graders/', import.meta.url))
 */
export function readJsonGraders(folder: URL): JsonGrader[] {
  if (!existsSync(folder)) return []
  const files = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && entry.name.endsWith('.json'))
    .map(({ name }) => name)
    .sort()
  const read = files.map((file) =>
    readJsonGrader(file, readFileSync(new URL(encodeURIComponent(file), folder), 'utf8')),
  )
  const problems = read.flatMap((one) => (typeof one === 'string' ? [one] : []))
  if (problems.length > 0) throw new Error(problems.join('\n'))
  return read.flatMap((one) => (typeof one === 'string' ? [] : [one]))
}

/** The grader in a file's text, or what is wrong with it. */
function readJsonGrader(file: string, text: string): JsonGrader | string {
  const name = file.slice(0, -'.json'.length)
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    return `graders/${shorten(file, 100)} cannot be an address: name it with letters, digits, _ and -, at most 64 of them`
  }
  let json: unknown
  try {
    json = parseJson(text)
  } catch (error) {
    return `graders/${file} is not JSON: ${error instanceof Error ? shorten(error.message, 200) : String(error)}`
  }
  const checked = checkGrader(json)
  if (!checked.ok) return `graders/${file} is not a valid grader in OpenAI's format: ${checked.message}`
  const codeHash = contentHash(json)
  return { name, version: codeHash.slice(0, 12), codeHash, grader: checked.grader }
}
