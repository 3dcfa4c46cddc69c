import { randomUUID } from 'node:crypto'

// Node 20 gives a reviver no access to the source text of a number, and cannot serialize a bigint. Such integers are
// therefore replaced by marked strings, in the texts and values that have any.

/** Matches each integer that may be rounded; not the digits of a fraction, of which a model’s log probabilities have thousands. */
const manyDigits = /(?<![\d.])\d{16}/
const textOrNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs

/**
 * Parses JSON text, with a `bigint` for every integer that a JavaScript number would round. All others stay numbers.
 *
 * Throws a `SyntaxError` with the parser's message.
 *
 * @example parseExactly('[1, 9007199254740993]') // [1, 9007199254740993n]
 */
export function parseExactly(text: string): unknown {
  return withExactIntegers(JSON.parse(text), text)
}

/** The same value with a `bigint` for every integer that was rounded when `text` was parsed into it. */
export function withExactIntegers(value: unknown, text: string): unknown {
  if (!manyDigits.test(text)) return value
  // Random and drawn after the text was received: no string in it can begin with the mark.
  const mark = randomUUID()
  let isRounded = false
  const marked = text.replaceAll(textOrNumber, (token) => {
    if (!isRoundedInteger(token)) return token
    isRounded = true
    return `"${mark}${token}"`
  })
  if (!isRounded) return value
  return JSON.parse(marked, (_, one: unknown) => {
    return typeof one === 'string' && one.startsWith(mark) ? BigInt(one.slice(mark.length)) : one
  })
}

/** True if the number is written with other digits: also for 1152921504606846976, which a double represents exactly. */
function isRoundedInteger(token: string): boolean {
  return /^-?\d{16,309}$/.test(token) && Number.isFinite(Number(token)) && digitsOf(Number(token)) !== token
}

/** The digits of an integer without an exponent, as Postgres stores them. */
function digitsOf(number: number): string {
  const [mantissa = '', exponent = '0'] = String(number).split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  return whole + fraction.padEnd(Number(exponent), '0')
}

/**
 * Serializes a value to JSON, bigints as integers; `null` for a value that JSON cannot represent, such as `undefined`.
 *
 * @param indent how many spaces to indent each level by; on one line when left out
 * @example stringifyExactly({ id: 9007199254740993n }) // '{"id":9007199254740993}'
 */
export function stringifyExactly(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, null, indent) ?? 'null'
  } catch (error) {
    // It fails for a bigint. A walk to look for one beforehand would cost as much as the serialization, for every call.
    if (!holdsBigint(value, 0)) throw error
  }
  const mark = randomUUID()
  const text = JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? `${mark}${one}` : one), indent)
  return text.replaceAll(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1')
}

/** Accepted JSON is never nested deeper. */
const deepest = 200

function holdsBigint(value: unknown, depth: number): boolean {
  if (typeof value === 'bigint') return true
  if (typeof value !== 'object' || value === null || depth > deepest) return false
  for (const inner of Array.isArray(value) ? value : Object.values(value))
    if (holdsBigint(inner, depth + 1)) return true
  return false
}

/** An integer that a JavaScript number would round, and its path, such as `.lines[0].id`. */
export interface FoundBigint {
  readonly path: string
  readonly value: bigint
}

/** Finds the first bigint in a value. */
export function bigintIn(value: unknown, depth = 0): FoundBigint | undefined {
  if (typeof value === 'bigint') return { path: '', value }
  if (typeof value !== 'object' || value === null || depth > deepest) return undefined
  if (Array.isArray(value)) {
    for (const [at, inner] of value.entries()) {
      const found = bigintIn(inner, depth + 1)
      if (found !== undefined) return { ...found, path: `[${at}]${found.path}` }
    }
    return undefined
  }
  for (const [key, inner] of Object.entries(value)) {
    const found = bigintIn(inner, depth + 1)
    if (found !== undefined) return { ...found, path: `.${key}${found.path}` }
  }
  return undefined
}
