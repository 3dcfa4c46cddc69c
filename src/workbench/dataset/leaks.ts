/** A value in a reference, with the names that lead to it. */
export interface ReferenceValue {
  /** Such as `answer`, or `sources[0].path`. */
  readonly path: string
  readonly value: string | number | boolean
}

/** The values of a reference that are no lists and no objects, at most 1,000 of them. */
export function referenceValues(reference: unknown): readonly ReferenceValue[] {
  const found: ReferenceValue[] = []
  const visit = (value: unknown, path: string) => {
    if (found.length === 1_000) return
    if (Array.isArray(value)) {
      for (const [at, inner] of value.entries()) visit(inner, `${path}[${at}]`)
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) visit(inner, path === '' ? name : `${path}.${name}`)
    } else if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      found.push({ path: path === '' ? 'the reference' : path, value })
    }
  }
  visit(reference, '')
  return found
}

/** Shorter values stand in many a question by chance: "yes", "12". */
const leastLength = 4

const isWordPart = (character: string | undefined) => character !== undefined && /[\p{L}\p{N}]/u.test(character)

/**
 * The first value of a reference that stands in the text for itself, not within a longer word or number, whatever its case
 * and white space; of at least four characters, for shorter ones stand anywhere.
 *
 * @example leakedValue('Is it 94.25 million?', [{ path: 'answer', value: '94.25' }]) // { path: 'answer', … }
 */
export function leakedValue(text: string, values: readonly ReferenceValue[]): ReferenceValue | undefined {
  const inside = even(text)
  return values.find(({ value }) => {
    const wanted = even(String(value))
    if (typeof value === 'boolean' || wanted.length < leastLength) return false
    for (let at = inside.indexOf(wanted); at >= 0; at = inside.indexOf(wanted, at + 1)) {
      if (standsAlone(inside, at, at + wanted.length)) return true
    }
    return false
  })
}

/** A number goes on behind a point or comma with a digit after it: 94.2 is not in 94.25, and not in 1,194.2. */
function standsAlone(text: string, from: number, to: number): boolean {
  const isDigit = (character: string | undefined) => character !== undefined && /\d/.test(character)
  const goesOn = (joint: string | undefined, beyond: string | undefined, edge: string | undefined) =>
    (joint === '.' || joint === ',') && isDigit(beyond) && isDigit(edge)
  const first = text[from]
  const last = text[to - 1]
  if (isWordPart(first) && isWordPart(text[from - 1])) return false
  if (isWordPart(last) && isWordPart(text[to])) return false
  return !goesOn(text[from - 1], text[from - 2], first) && !goesOn(text[to], text[to + 1], last)
}

const even = (text: string) => text.normalize('NFC').toLowerCase().replace(/\s+/g, ' ').trim()
