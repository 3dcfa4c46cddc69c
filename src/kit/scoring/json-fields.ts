import type { Score } from './score.ts'
import { canonical, readJson } from './written.ts'

/** Deeper values are compared as a whole: unbounded recursion would overflow the stack. */
const deepest = 32

/** How fields are compared. */
export interface FieldOptions {
  /** Whether fields that are not in the reference lower the score. */
  readonly strict?: boolean
  /**
   * Scorers, from 0 to 1, of fields by JSON pointer (RFC 6901), such as `/total` or `/lines/0/price`. A scorer gets the
   * whole value of its field. Without a scorer, a field is right if it is the same JSON value.
   */
  readonly fields?: Readonly<Record<string, (candidate: unknown, reference: unknown) => number>>
}

/**
 * Scores a JSON answer field by field: the share of the reference's fields that have the same value in the answer. A field
 * is a scalar, or an empty object or list; lists are compared by index. The order of keys does not matter. Linear in both
 * sizes.
 *
 * The candidate is a value or JSON text, with or without a code fence; text that is not JSON scores 0. The reference is a
 * parsed value. Extra fields cost nothing, unless `strict` is set: then the share is of all fields of both.
 *
 * `parts` are counts of fields: `right` (a sum of scores if `fields` has scorers), `wrong`, `missing` and `extra`. Throws
 * a RangeError if a scorer in `fields` returns a number outside [0, 1].
 *
 * @example scoreFields('{"name":"Acme","total":3}', { name: 'Acme', total: 4 }).score // 0.5
 */
export function scoreFields(candidate: unknown, reference: unknown, options: FieldOptions = {}): Score {
  const read = typeof candidate === 'string' ? readJson(candidate) : { json: true as const, value: candidate }
  if (!read.json) return { score: 0, reason: read.reason }
  const scorers = new Map(Object.entries(options.fields ?? {}))
  const parts = { right: 0, wrong: 0, missing: 0, extra: 0 }
  let first: string | undefined

  const count = (score: number, given: boolean, pointer: string): void => {
    if (!(score >= 0 && score <= 1)) throw new RangeError(`the scorer of ${pointer} gives ${score}`)
    parts.right += score
    if (given) parts.wrong += 1 - score
    else parts.missing += 1
    if (score < 1) first ??= pointer
  }

  const compare = (given: Field, wanted: unknown, pointer: string, depth: number): void => {
    const scorer = scorers.get(pointer)
    const fields = scorer === undefined && depth < deepest ? fieldsOf(wanted) : new Map<string, unknown>()
    if (fields.size === 0) {
      const score = scorer ?? ((one: unknown, other: unknown) => Number(isSame(one, other)))
      count(given.there ? score(given.value, wanted) : 0, given.there, pointer)
      return
    }
    const ours = given.there && Array.isArray(given.value) === Array.isArray(wanted) ? fieldsOf(given.value) : new Map()
    if (given.there && ours.size === 0) parts.extra += countFields(given.value)
    for (const [key, value] of fields) {
      const field: Field = ours.has(key) ? { there: true, value: ours.get(key) } : { there: false }
      compare(field, value, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, depth + 1)
    }
    for (const [key, value] of ours) if (!fields.has(key)) parts.extra += countFields(value)
  }

  compare({ there: true, value: read.value }, reference, '', 0)
  const wanted = parts.right + parts.wrong + parts.missing
  const all = wanted + (options.strict ? parts.extra : 0)
  const extra = options.strict && parts.extra > 0 ? `, ${parts.extra} extra` : ''
  const reason = `${round(parts.right)} of ${round(wanted)} fields right${extra}`
  return {
    score: Math.min(1, parts.right / all),
    reason: first === undefined ? reason : `${reason}; not ${first || 'the value'}`,
    parts,
  }
}

type Field = { there: true; value: unknown } | { there: false }

function fieldsOf(value: unknown): Map<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : [])
}

/** Wrapped in a list, because `canonical` would parse a string that holds JSON. */
function isSame(one: unknown, other: unknown): boolean {
  return canonical([one]) === canonical([other])
}

function countFields(value: unknown): number {
  const left = [value]
  let count = 0
  while (left.length > 0) {
    const fields = fieldsOf(left.pop())
    if (fields.size === 0) count += 1
    for (const field of fields.values()) left.push(field)
  }
  return count
}

function round(count: number): number {
  return Math.round(count * 100) / 100
}
