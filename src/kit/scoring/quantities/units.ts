import type { Token } from './tokens.ts'

/** The unit of a number. Currencies are named by their ISO 4217 code. */
export interface Unit {
  /** A currency code, `percent`, `ratio` (as in 1.5x), `shares` or `per share`; undefined for a magnitude only. */
  readonly name?: string
  /** The power of ten of the unit: -2 for percent, -4 for basis points, -2 for cents. */
  readonly power?: number
  /** The power of ten of a magnitude word such as thousand (3) or bn (9). */
  readonly magnitude?: number
}

/** A unit and the index of the token after it. */
export interface FoundUnit {
  readonly unit: Unit
  readonly end: number
}

/** An amount per share, in any currency. */
export const perShare = 'per share'

function table(entries: Readonly<Record<string, Unit>>): ReadonlyMap<string, Unit> {
  return new Map(Object.entries(entries).flatMap(([words, unit]) => words.split('|').map((word) => [word, unit])))
}

/** Units before a number. Up to two tokens are joined by a space. */
const prefixes = table({
  '$|us $|usd|usd $': { name: 'USD' },
  'c $|ca $|cad|cad $': { name: 'CAD' },
  'a $|au $|aud|aud $': { name: 'AUD' },
  'nz $|nzd': { name: 'NZD' },
  'hk $|hkd': { name: 'HKD' },
  's $|sgd': { name: 'SGD' },
  'r $|brl': { name: 'BRL' },
  '€|eur': { name: 'EUR' },
  '£|gbp': { name: 'GBP' },
  '¥|jpy': { name: 'JPY' },
  'cny|rmb': { name: 'CNY' },
  '₹|inr|rs': { name: 'INR' },
  '₩|krw': { name: 'KRW' },
  chf: { name: 'CHF' },
  sek: { name: 'SEK' },
  mxn: { name: 'MXN' },
})

/** Units after a number. Up to three tokens are joined by spaces. */
const suffixes = table({
  'k|thousand|thousands': { magnitude: 3 },
  'm|mm|mn|mln|mil|mio|million|millions': { magnitude: 6 },
  'b|bn|bln|billion|billions': { magnitude: 9 },
  't|tn|trn|trillion|trillions': { magnitude: 12 },
  'hundred|hundreds': { magnitude: 2 },
  'lakh|lakhs': { magnitude: 5 },
  'crore|crores': { magnitude: 7 },
  '%|percent|pct|per cent|percentage point|percentage points|pp|ppt|ppts': { name: 'percent', power: -2 },
  '‰|per mille|per mil|permille': { name: 'percent', power: -3 },
  'bp|bps|basis point|basis points': { name: 'percent', power: -4 },
  'x|×|times': { name: 'ratio' },
  'share|shares': { name: 'shares' },
  'per share|a share|/ share|per common share|per basic share|per diluted share': { name: perShare },
  '$|usd|dollar|dollars|us dollar|us dollars': { name: 'USD' },
  'cent|cents|¢': { name: 'USD', power: -2 },
  'cad|canadian dollars': { name: 'CAD' },
  'aud|australian dollars': { name: 'AUD' },
  '€|eur|euro|euros': { name: 'EUR' },
  '£|gbp|pound|pounds': { name: 'GBP' },
  '¥|jpy|yen': { name: 'JPY' },
  'cny|rmb|yuan': { name: 'CNY' },
  '₹|inr|rupee|rupees': { name: 'INR' },
  krw: { name: 'KRW' },
  'chf|francs|swiss francs': { name: 'CHF' },
  nzd: { name: 'NZD' },
  hkd: { name: 'HKD' },
  sgd: { name: 'SGD' },
  brl: { name: 'BRL' },
  sek: { name: 'SEK' },
  mxn: { name: 'MXN' },
})

/** Reads a unit before a number, such as `$` or `USD`. */
export function prefixUnitAt(tokens: readonly Token[], at: number): FoundUnit | undefined {
  return unitAt(prefixes, tokens, at)
}

/** Reads a unit after a number, such as `%`, `million` or `per share`. */
export function suffixUnitAt(tokens: readonly Token[], at: number): FoundUnit | undefined {
  return unitAt(suffixes, tokens, at)
}

function unitAt(units: ReadonlyMap<string, Unit>, tokens: readonly Token[], at: number): FoundUnit | undefined {
  const [first, second, third] = [tokens[at], tokens[at + 1], tokens[at + 2]]
  if (first === undefined) return undefined
  const three = second && third && units.get(`${first.text} ${second.text} ${third.text}`)
  if (three !== undefined) return { unit: three, end: at + 3 }
  // "a $5 rise" is not in Australian dollars; "US $5" is in US dollars.
  const joined = second !== undefined && (!second.spaced || second.text !== '$' || /^us/u.test(first.text))
  const two = joined ? units.get(`${first.text} ${second.text}`) : undefined
  if (two !== undefined) return { unit: two, end: at + 2 }
  const one = units.get(first.text)
  return one && { unit: one, end: at + 1 }
}

/** Combines two units, such as $ and million; undefined if they contradict each other. */
export function combineUnits(one: Unit, other: Unit): Unit | undefined {
  if (other.magnitude !== undefined) {
    return one.magnitude === undefined && one.power === undefined ? { ...one, ...other } : undefined
  }
  if (other.name === undefined || (other.name === perShare && one.name !== undefined)) return one
  if (one.name === undefined)
    return other.power !== undefined && one.magnitude !== undefined ? undefined : { ...one, ...other }
  return one.name === other.name && isCurrency(one.name) && other.power === undefined ? one : undefined
}

/** Whether the name of a unit is a currency code. */
export function isCurrency(name: string): boolean {
  return /^[A-Z]{3}$/u.test(name)
}

const scales: Readonly<Record<string, number>> = { thousand: 3, million: 6, billion: 9, trillion: 12, mm: 6, bn: 9 }

/**
 * The power of ten of the scale that a question names for its answer; undefined if it names none or several, or asks for a
 * percentage or a ratio.
 *
 * @example scaleNamedIn('what was the net revenue in 2014, in millions?') // 6
 */
export function scaleNamedIn(question: string): number | undefined {
  const text = question.slice(0, longestQuestion).toLowerCase()
  if (/\b(?:percent|percentage|ratio)\b|%/u.test(text)) return undefined
  const named = text.matchAll(
    /(?:\b(?:in|how many|what)|\()\s{0,3}(?:(?:us\s?)?\$|usd|us dollars?|dollars?)?\s{0,3}(?:of )?(thousand|million|billion|trillion|mm|bn)s?\b/gu,
  )
  const powers = new Set([...named].map(([, word = '']) => scales[word]))
  const [power] = powers
  return powers.size === 1 ? power : undefined
}

const longestQuestion = 20_000
