import { parseExactly } from '../../base/exact-json.ts'

/** Deeper than this, two values are taken for equal: no call needs it, and unbounded recursion could be made to crash. */
const DEEPEST = 64

/**
 * Writes a JSON value so that two equal values give the same text, whatever the order of their keys. A string that is
 * itself JSON for an object or a list counts as that: trainers send a call's arguments either way.
 *
 * Never throws. What JSON does not have (undefined, functions) is written as null.
 *
 * @example canonical({ b: 1, a: [2] }) === canonical('{"a":[2],"b":1}') // true
 */
export const canonical = (value: unknown): string => write(unpack(value), 0)

/** The value that a JSON string of an object or a list stands for; any other value as it is. */
export const unpack = (value: unknown): unknown => {
  if (typeof value !== 'string' || !/^\s*[{[]/u.test(value)) return value
  try {
    return parseExactly(value)
  } catch {
    return value
  }
}

const write = (value: unknown, depth: number): string => {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (depth >= DEEPEST) return '"…"'
  if (Array.isArray(value)) return `[${value.map((element) => write(element, depth + 1)).join(',')}]`
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${write(field, depth + 1)}`)
  return `{${fields.join(',')}}`
}
