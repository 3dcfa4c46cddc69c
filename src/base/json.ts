import { hash } from 'node:crypto'
import { parseExactly, stringifyExactly, withExactIntegers } from './exact-json.ts'
import { storable } from './text.ts'

/** How deep arrays and objects may be nested in accepted JSON. */
export const maxJsonDepth = 100

/** How many numbers beyond 1e±100 accepted JSON may hold: Postgres stores each in up to 325 digits. */
const maxWideNumbers = 1_000

/** JSON escapes of characters that Postgres may not be able to store: U+0000 and surrogates. */
const suspiciousEscape = /\\u(?:0000|[dD][89a-fA-F])/

/**
 * Parses JSON text into a value that Postgres can store and that is nested at most {@link maxJsonDepth} deep. Integers that
 * a number would round are bigints, see {@link parseExactly}.
 *
 * Throws a `SyntaxError` for invalid JSON and for nesting that is too deep; a `RangeError` for a number beyond ±1.8e308,
 * which would parse as infinity and be recorded as null, and for more than a thousand numbers beyond 1e±100.
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  if (mayBeDeep(text) || mayBeWide.test(text)) checkJson(value)
  const exact = withExactIntegers(value, text)
  return suspiciousEscape.test(text) ? storableJson(exact) : exact
}

/** {@link storable} for every string and key of a JSON value. */
export function storableJson(value: unknown): unknown {
  if (typeof value === 'string') return storable(value)
  if (Array.isArray(value)) return value.map(storableJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [storable(key), storableJson(inner)]))
}

/** Serializes a value to JSON that Postgres can store, with {@link storable} applied to every string and key. */
export function storableText(value: unknown): string {
  const text = stringifyExactly(value)
  return suspiciousEscape.test(text) ? (stringifyExactly(storableJson(parseExactly(text))) ?? 'null') : text
}

/** Whether JSON text has enough brackets to be nested too deep. Most has not, and its value need not be walked. */
function mayBeDeep(text: string): boolean {
  let brackets = 0
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      brackets += 1
      if (brackets > maxJsonDepth) return true
    }
  }
  return false
}

/** Matches the text of every number beyond 1e±100: an exponent of two digits or more, or a hundred digits. */
export const mayBeWide: RegExp = /\d[eE][+-]?\d{2}|\d{100}/

function checkJson(value: unknown): void {
  let wide = 0
  const check = (one: unknown, levels: number): void => {
    if (typeof one === 'number') {
      const size = Math.abs(one)
      if (size < 1e100 && (size > 1e-100 || size === 0)) return
      if (size === Number.POSITIVE_INFINITY) throw new RangeError('a number in it is beyond ±1.8e308')
      wide += 1
      if (wide > maxWideNumbers) throw new RangeError(`more than ${maxWideNumbers} numbers in it are beyond 1e±100`)
    }
    if (typeof one !== 'object' || one === null) return
    if (levels === 0) throw new SyntaxError(`nested deeper than ${maxJsonDepth} levels`)
    const inner: unknown[] = Array.isArray(one) ? one : Object.values(one)
    for (const each of inner) check(each, levels - 1)
  }
  check(value, maxJsonDepth)
}

/**
 * Serializes equal values to the same JSON: object keys in code-unit order, no white space, undefined values omitted.
 *
 * @example canonicalJson({ b: 1, a: [true] }) // '{"a":[true],"b":1}'
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (!isFields(value)) return JSON.stringify(value) ?? 'null'
  let text = ''
  // Without a compare function, keys are sorted by code unit, in less than half the time.
  for (const key of Object.keys(value).sort()) {
    const inner = value[key]
    if (inner !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(inner)}`
  }
  return `{${text}}`
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** SHA-256 of a value's canonical JSON, in hex. The order of keys does not matter. */
export function contentHash(value: unknown): string {
  return hash('sha256', canonicalJson(value))
}
