/** A token of an answer: a number without sign or unit, a word, or another character. */
export interface Token {
  readonly kind: 'number' | 'word' | 'symbol'
  /** As written; words are in lower case. */
  readonly text: string
  /** Whether it follows white space or begins the text. */
  readonly spaced: boolean
  /** For a number, which is `mantissa × 10^exponent`. The mantissa ends with the last written digit. */
  readonly mantissa: bigint
  readonly exponent: number
}

type Piece = Omit<Token, 'spaced'>

/** Larger exponents would make the arithmetic slow. */
const largestExponent = 400

/** Splits a text into numbers, words and symbols. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  let spaced = true
  while (at < text.length) {
    const space = match(/\s+/uy, text, at)
    if (space !== '') {
      at += space.length
      spaced = true
      continue
    }
    const piece = numberAt(text, at) ?? otherAt(text, at)
    tokens.push({ ...piece, spaced })
    at += piece.text.length
    spaced = false
  }
  return tokens
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}

function otherAt(text: string, at: number): Piece {
  const word = match(/\p{L}[\p{L}\p{M}]*/uy, text, at)
  if (word !== '') return { kind: 'word', text: word.toLowerCase(), mantissa: 0n, exponent: 0 }
  const symbol = match(/\*\*|./suy, text, at)
  return { kind: 'symbol', text: symbol, mantissa: 0n, exponent: 0 }
}

function numberAt(text: string, at: number): Piece | undefined {
  const continental = continentalAt(text, at)
  if (continental !== undefined) return numberOf(text, at, continental.whole, continental.fraction, continental.end)
  const whole = wholeAt(text, at)
  let end = at + whole.length
  const fraction = match(/\.[0-9]+/uy, text, end)
  if (whole === '' && fraction === '') return undefined
  end += fraction.length
  // "94." and "5.%" are whole numbers; "1..2" is not a number.
  if (fraction === '' && text[end] === '.' && text[end + 1] !== '.') end += 1
  return numberOf(text, at, whole, fraction.slice(1), end)
}

function numberOf(text: string, at: number, whole: string, fraction: string, afterDigits: number): Piece {
  const power = match(/e[-+]?[0-9]{1,5}(?![0-9])/iuy, text, afterDigits)
  const exponent = power === '' ? 0 : Number(power.slice(1))
  const written = text.slice(at, afterDigits + power.length)
  if (Math.abs(exponent) > largestExponent) {
    return { kind: 'word', text: written.toLowerCase(), mantissa: 0n, exponent: 0 }
  }
  const mantissa = BigInt(whole.replace(/[^0-9]/gu, '') + fraction)
  return { kind: 'number', text: written, mantissa, exponent: exponent - fraction.length }
}

/** Reads the integer part, with regular digit grouping: 1,234,567, 1 234 567, 1'234'567 or the Indian 12,34,567. */
function wholeAt(text: string, at: number): string {
  const first = match(/[0-9]+/uy, text, at)
  const separator = text[at + first.length]
  if (first === '' || first.length > 3 || separator === undefined || !",' ’_".includes(separator)) return first
  const groups = [first]
  let end = at + first.length
  while (text[end] === separator) {
    const group = match(/[0-9]+/uy, text, end + 1)
    if (group === '') break
    groups.push(group)
    end += 1 + group.length
  }
  // The 125 of "5 125/128" is the numerator of a mixed fraction.
  if (separator === ' ' && match(/\s?\/\s?[0-9]/uy, text, end) !== '') end -= 1 + (groups.pop()?.length ?? 0)
  return isRegular(groups, separator) ? text.slice(at, end) : first
}

function isRegular(groups: readonly string[], separator: string): boolean {
  const rest = groups.slice(1)
  if (rest.length === 0) return false
  if (rest.every((group) => group.length === 3)) return true
  const indian = rest.slice(0, -1).every((group) => group.length === 2) && rest.at(-1)?.length === 3
  return separator === ',' && indian && groups.every((group) => group.length < 3 || group === rest.at(-1))
}

/**
 * Reads a number in continental European notation if it is unambiguous: 62.500.000, 1.234,56, 1 234,5, 14,1 and 0,125.
 * 1,234 and 1.234 are read as English, and 2015,2016 as two years.
 */
function continentalAt(text: string, at: number): { whole: string; fraction: string; end: number } | undefined {
  // Part of a list such as 1,2,3.
  if (/[.,]/u.test(text[at - 1] ?? '') && /[0-9]/u.test(text[at - 2] ?? '')) return undefined
  const dotted = match(/[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]+)?(?![0-9]|[.,][0-9])/uy, text, at)
  if (dotted !== '') {
    const [whole = '', fraction = ''] = dotted.split(',')
    const grouped = whole.split('.').length > 2 || fraction !== ''
    return grouped ? { whole, fraction, end: at + dotted.length } : undefined
  }
  const decimal = match(/(?:[0-9]{1,3}(?:[ '’_][0-9]{3})+|[0-9]+),[0-9]+(?![0-9]|[.,][0-9])/uy, text, at)
  const [whole = '', fraction = ''] = decimal.split(',')
  if (decimal === '' || /^0[0-9]/u.test(whole)) return undefined
  const english = fraction.length === 3 && whole.length <= 3 && whole !== '0'
  const years = whole.length === 4 && fraction.length === 4
  return english || years ? undefined : { whole, fraction, end: at + decimal.length }
}
