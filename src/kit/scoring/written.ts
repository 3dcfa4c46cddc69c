import { parseExactly } from '../../base/exact-json.ts'

/** What stands in a text's only code fence, or the text itself; trimmed. */
function unfence(text: string): string {
  const trimmed = text.trim()
  if (!trimmed.startsWith('```') || !trimmed.endsWith('```') || trimmed.length < 6) return trimmed
  const inside = trimmed.slice(3, -3)
  return inside.includes('```') ? trimmed : inside.replace(/^[\w-]*\r?\n/u, '').trim()
}

/**
 * Reads an answer that is JSON, also when a code fence is around it (```json …```), which is a slip of form and no wrong
 * answer. Never throws.
 *
 * @example readJson('```json\n{"a":1}\n```') // { json: true, value: { a: 1 } }
 */
export function readJson(text: string): { json: true; value: unknown } | { json: false; reason: string } {
  const inside = unfence(text)
  if (inside === '') return { json: false, reason: 'empty answer' }
  try {
    return { json: true, value: parseExactly(inside) }
  } catch {
    return { json: false, reason: 'not JSON' }
  }
}

/**
 * Reads a list as people and models write it: a JSON array of texts and numbers, or elements divided by line breaks,
 * commas or semicolons, with or without bullets, numbers, quotes, back-ticks and bold type around them; as a whole in a code
 * fence, in bold, in LaTeX's `\\boxed{}` or not, in brackets or not, with or without "Answer:" before and a full stop after it. Empty elements are
 * dropped, repeated ones kept. Never throws.
 *
 * An element cannot have a comma in it unless the list is a JSON array.
 *
 * @example readList('- `src/a.ts`\n- src/b.ts') // ['src/a.ts', 'src/b.ts']
 * @example readList('E11.9, I10; Z79.4') // ['E11.9', 'I10', 'Z79.4']
 */
export function readList(text: string): string[] {
  const read = readJson(text)
  if (read.json && Array.isArray(read.value) && read.value.every(isPlain)) return undressed(read.value.map(String))
  const lines = bare(unfence(text))
    .split(/\r?\n/u)
    .map((line) => line.replace(/^\s*(?:[-*+•–]|\d{1,3}[.)])\s+/u, ''))
  return undressed(lines.flatMap((line) => line.split(/[,;]/u)))
}

/** Without what stands around the whole for the eye, what introduces it and what ends it: none of these is an element. */
function bare(text: string): string {
  return text
    .replace(/^\$?\\boxed\{([^{}]*)\}\$?\.?$/su, '$1')
    .replace(/^\*\*([^*]*)\*\*\.?$/su, '$1')
    .replace(/^(?:final )?answer:\s*/iu, '')
    .replace(/^\[([^[\]{}]*)\]\.?$/su, '$1')
    .replace(/(?<=[\p{L}\p{N}`])\.$/u, '')
}

function isPlain(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}

function undressed(elements: readonly string[]): string[] {
  return elements
    .map((element) =>
      element
        .trim()
        .replace(/^(\*\*|["'`])(.*)\1$/su, '$2')
        .trim(),
    )
    .filter((element) => element !== '')
}

/** Deeper than this, two values are taken for equal: no call needs it, and unbounded recursion could be made to crash. */
const deepest = 64

/**
 * Writes a JSON value so that two equal values give the same text, whatever the order of their keys. A string that is
 * itself JSON for an object or a list counts as that: trainers send a call's arguments either way.
 *
 * Never throws. What JSON does not have (undefined, functions) is written as null.
 *
 * @example canonical({ b: 1, a: [2] }) === canonical('{"a":[2],"b":1}') // true
 */
export function canonical(value: unknown): string {
  return write(unpack(value), 0)
}

/** The value that a JSON string of an object or a list stands for; any other value as it is. */
export function unpack(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[{[]/u.test(value)) return value
  try {
    return parseExactly(value)
  } catch {
    return value
  }
}

function write(value: unknown, depth: number): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (depth >= deepest) return '"…"'
  if (Array.isArray(value)) return `[${value.map((element) => write(element, depth + 1)).join(',')}]`
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${write(field, depth + 1)}`)
  return `{${fields.join(',')}}`
}
