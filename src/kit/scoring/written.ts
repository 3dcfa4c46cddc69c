import { parseExactly } from '../../base/exact-json.ts'

/** The content of a code fence around the whole text, or the text itself; trimmed. */
function unfence(text: string): string {
  const trimmed = text.trim()
  if (!trimmed.startsWith('```') || !trimmed.endsWith('```') || trimmed.length < 6) return trimmed
  const inside = trimmed.slice(3, -3)
  return inside.includes('```') ? trimmed : inside.replace(/^[\w-]*\r?\n/u, '').trim()
}

/**
 * Parses an answer as JSON, with or without a code fence around it (```json …```). Never throws.
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
 * Parses a list as people and models write it: a JSON array of strings and numbers, or elements separated by line breaks,
 * commas or semicolons. Removes bullets, numbers, quotes, backticks and bold type around elements; a code fence, bold type,
 * `\\boxed{}` and brackets around the list; "Answer:" before it and a full stop after it. Drops empty elements and keeps
 * repeated ones. Never throws.
 *
 * Elements with commas require a JSON array.
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

/** Removes formatting around the list, its introduction and a full stop. */
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

/** Deeper values are treated as equal: no call needs them, and unbounded recursion would overflow the stack. */
const deepest = 64

/**
 * Serializes equal JSON values to the same text, whatever the order of their keys. A string that holds a JSON object or list
 * is parsed first, because trainers send arguments in either form.
 *
 * Never throws. Values that JSON does not support (undefined, functions) become null.
 *
 * @example canonical({ b: 1, a: [2] }) === canonical('{"a":[2],"b":1}') // true
 */
export function canonical(value: unknown): string {
  return write(unpack(value), 0)
}

/** Parses a string that holds a JSON object or list; returns any other value unchanged. */
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
