/** A value in a reference, with its path. */
export interface ReferenceValue {
  /** For example `answer`, or `sources[0].path`. */
  readonly path: string
  readonly value: string | number | bigint | boolean
}

/** A reference with more values than this is not searched to its end. */
const maxValues = 1_000

/** The texts, numbers and booleans of a reference at any depth, at most 1,000 of them. */
export function referenceValues(reference: unknown): readonly ReferenceValue[] {
  const found: ReferenceValue[] = []
  const visit = (value: unknown, path: string) => {
    if (found.length === maxValues) return
    if (Array.isArray(value)) {
      for (const [at, inner] of value.entries()) visit(inner, `${path}[${at}]`)
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) visit(inner, path === '' ? name : `${path}.${name}`)
    } else if (
      typeof value === 'string' ||
      typeof value === 'number' ||
      typeof value === 'bigint' ||
      typeof value === 'boolean'
    ) {
      found.push({ path: path === '' ? 'the reference' : path, value })
    }
  }
  visit(reference, '')
  return found
}

/**
 * Whether a path is a field or lies inside it; list positions may be left out of the field.
 *
 * @example isWithin('sources[0].path', 'sources') // true
 */
export function isWithin(path: string, field: string): boolean {
  const inside = (whole: string) => whole === field || whole.startsWith(`${field}.`) || whole.startsWith(`${field}[`)
  return inside(path) || inside(path.replaceAll(/\[\d+\]/g, ''))
}

/** What a spreadsheet or a program writes for a missing value. */
const brokenLabel =
  /^(?:[+-]?(?:nan|inf(?:inity)?)|undefined|<na>|nat|#(?:ref|value|div\/0|name|null|num|n\/a|spill|calc|error)[!?]?|\[object object\])$/i

/** What may mean a missing value, but may be a right answer too. */
const doubtfulLabel = /^(?:none|null|nil|n\/?a|-|--|\?|tbd|todo|unknown)?$/i

/**
 * Whether a value of a reference is the residue of a failed export (`nan`, `#REF!`), may be one (`none`, `N/A`), or neither.
 *
 * @example labelProblem('#REF!') // 'broken'
 */
export function labelProblem(value: ReferenceValue['value']): 'broken' | 'doubtful' | undefined {
  const text = String(value).trim()
  if (brokenLabel.test(text)) return 'broken'
  return doubtfulLabel.test(text) ? 'doubtful' : undefined
}

/** Shorter values occur in many questions by chance: "yes", "12". */
const minLeakLength = 4

/**
 * The first value of a reference that occurs in the text on its own, not within a longer word or number, ignoring case and
 * white space. Values of fewer than four characters are ignored: they occur by chance.
 *
 * @example leakedValue('Is it 94.25 million?', [{ path: 'answer', value: '94.25' }]) // { path: 'answer', … }
 */
export function leakedValue(text: string, values: readonly ReferenceValue[]): ReferenceValue | undefined {
  const haystack = normalized(text)
  return values.find(({ value }) => {
    const wanted = normalized(String(value))
    if (typeof value === 'boolean' || wanted.length < minLeakLength) return false
    for (let at = haystack.indexOf(wanted); at >= 0; at = haystack.indexOf(wanted, at + 1)) {
      if (isSeparate(haystack, at, at + wanted.length)) return true
    }
    return false
  })
}

/** A number continues after a point or comma that a digit follows: 94.2 is not in 94.25, nor in 1,194.2. */
function isSeparate(text: string, from: number, to: number): boolean {
  const continues = (joint: string | undefined, beyond: string | undefined, edge: string | undefined) =>
    (joint === '.' || joint === ',') && isDigit(beyond) && isDigit(edge)
  const first = text[from]
  const last = text[to - 1]
  if (isWordPart(first) && isWordPart(text[from - 1])) return false
  if (isWordPart(last) && isWordPart(text[to])) return false
  return !continues(text[from - 1], text[from - 2], first) && !continues(text[to], text[to + 1], last)
}

const isDigit = (character: string | undefined) => character !== undefined && /\d/.test(character)
const isWordPart = (character: string | undefined) => character !== undefined && /[\p{L}\p{N}]/u.test(character)
const normalized = (text: string) => text.normalize('NFC').toLowerCase().replace(/\s+/g, ' ').trim()
