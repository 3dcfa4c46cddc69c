/** A piece of a written answer: a number without sign or unit, a word in lower case, or one other character. */
export interface Token {
  kind: 'number' | 'word' | 'symbol'
  /** As written, words in lower case. */
  text: string
  /** Whether white space (or the beginning of the text) comes before it. */
  spaced: boolean
  /** Of a number: it is `mantissa × 10^exponent`, the last digit written being the mantissa's last. */
  mantissa: bigint
  exponent: number
}

/** Powers of ten beyond this are no quantity that anybody measures, and would make the arithmetic slow. */
const LARGEST_EXPONENT = 400

/** Splits a text into numbers, words and symbols, in one pass. */
export const tokenize = (text: string): Token[] => {
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
    const token = numberAt(text, at) ?? otherAt(text, at)
    tokens.push({ ...token, spaced })
    at += token.text.length
    spaced = false
  }
  return tokens
}

const match = (pattern: RegExp, text: string, at: number): string => {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}

const otherAt = (text: string, at: number): Omit<Token, 'spaced'> => {
  const word = match(/\p{L}[\p{L}\p{M}]*/uy, text, at)
  if (word !== '') return { kind: 'word', text: word.toLowerCase(), mantissa: 0n, exponent: 0 }
  const symbol = match(/\*\*|./suy, text, at)
  return { kind: 'symbol', text: symbol, mantissa: 0n, exponent: 0 }
}

const numberAt = (text: string, at: number): Omit<Token, 'spaced'> | undefined => {
  const whole = wholeAt(text, at)
  let end = at + whole.length
  let fraction = match(/\.[0-9]+/uy, text, end)
  if (whole === '' && fraction === '') return undefined
  end += fraction.length
  // 94. and 5.% are whole numbers, 1..2 is not a number
  if (fraction === '' && text[end] === '.' && text[end + 1] !== '.') end += 1
  fraction = fraction.slice(1)
  const power = match(/e[-+]?[0-9]{1,5}(?![0-9])/iuy, text, end)
  end += power.length
  const exponent = (power === '' ? 0 : Number(power.slice(1))) - fraction.length
  const written = text.slice(at, end)
  if (Math.abs(exponent + fraction.length) > LARGEST_EXPONENT) {
    return { kind: 'word', text: written.toLowerCase(), mantissa: 0n, exponent: 0 }
  }
  return { kind: 'number', text: written, mantissa: BigInt(whole.replace(/[^0-9]/gu, '') + fraction), exponent }
}

/** The whole part, with its grouping where that is regular: 1,234,567, 1 234 567, 1'234'567 or the Indian 12,34,567. */
const wholeAt = (text: string, at: number): string => {
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
  return isRegular(groups, separator) ? text.slice(at, end) : first
}

const isRegular = (groups: readonly string[], separator: string): boolean => {
  const rest = groups.slice(1)
  if (rest.length === 0) return false
  if (rest.every((group) => group.length === 3)) return true
  const indian = rest.slice(0, -1).every((group) => group.length === 2) && rest.at(-1)?.length === 3
  return separator === ',' && indian && groups.every((group) => group.length < 3 || group === rest.at(-1))
}
