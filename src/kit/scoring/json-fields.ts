import type { Score } from './score.ts'
import { canonical, readJson } from './written.ts'

/** Deeper than this a value is compared as a whole: unbounded recursion could be made to crash. */
const deepest = 32

/** How fields are to be compared. */
export interface FieldOptions {
  /** Whether fields that the reference does not have count as wrong ones. */
  readonly strict?: boolean
  /**
   * Scorers, from 0 to 1, of single fields by their JSON pointer (RFC 6901), as `/total` or `/lines/0/price`; what lies
   * below such a field is theirs. Without one a field is right when it is the same JSON value.
   */
  readonly fields?: Readonly<Record<string, (candidate: unknown, reference: unknown) => number>>
}

/**
 * Scores a JSON answer field by field: the share of the reference's fields that the answer has with the same value. A
 * field is a value that is no object or list, or an empty one; lists are compared place by place. The order of keys does
 * not matter. Linear in both sizes.
 *
 * The candidate is a value, or a text with JSON in it, a code fence around it allowed; what is not JSON: 0. The reference
 * is a value, as `JSON.parse` gives it. With `strict` the share is of all fields that either has: without it extra fields cost nothing, and
 * an answer may say all it likes besides.
 *
 * `parts` are counts of fields: `right` (a sum of scores where `fields` has scorers), `wrong`, `missing` and `extra`.
 * Throws a RangeError when a scorer in `fields` gives no number from 0 to 1.
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
  const extra = options.strict && parts.extra > 0 ? `, ${parts.extra} too many` : ''
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

/** In a list, so that a text is not taken for the JSON that it may hold. */
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
