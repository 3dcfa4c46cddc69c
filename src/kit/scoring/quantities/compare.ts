import type { Score } from '../score.ts'
import type { Quantity } from './quantity.ts'
import { isCurrency, perShare } from './units.ts'

/** Whether a more precise number that rounds to the reference scores 1 (`rounding`) or 0.5 (`literal`). */
export type Rule = 'rounding' | 'literal'

/** Two values over a common denominator `one`, with the units of their last written digits. */
interface Pair {
  readonly answer: bigint
  readonly reference: bigint
  readonly one: bigint
  readonly answerUnit: bigint | undefined
  readonly referenceUnit: bigint | undefined
  /** Only equal values score. */
  readonly exact: boolean
}

const familiar = ['', 'ten', 'a hundred', 'a thousand', 'ten thousand', 'a hundred thousand', 'a million']

/** Options of {@link compareQuantities}. */
export interface CompareOptions {
  readonly rule: Rule
  /** Only equal values score; false by default. */
  readonly exact?: boolean
}

/** Scores a quantity against a reference: 1, 0.5 or 0. Exact: the decision does not use floating point. */
export function compareQuantities(answer: Quantity, reference: Quantity, options: CompareOptions): Score {
  const contradiction = contradictionOf(answer.unit, reference.unit)
  if (contradiction !== undefined) return { score: 0, reason: contradiction }
  if (isUndone(answer, reference)) return { score: 0, reason: 'a division that was not carried out' }
  const pairs = readings(answer, reference, options.exact ?? false)
  const percent = answer.unit === 'percent' || reference.unit === 'percent'
  let best: Score | undefined
  for (const pair of pairs) {
    const score = judge(pair, answer.digits, percent, options.rule)
    if (score !== undefined && score.score > (best?.score ?? 0)) best = score
  }
  return best ?? { score: 0, reason: mismatch(pairs, percent) }
}

function contradictionOf(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined || one === other) return undefined
  if (isCurrency(one) && isCurrency(other)) return `another currency: ${one}, not ${other}`
  // $4.20 is an amount per share too.
  if ((one === perShare && isCurrency(other)) || (other === perShare && isCurrency(one))) return undefined
  // 150% and 1.5x are the same number.
  const numbers = ['percent', 'ratio']
  return numbers.includes(one) && numbers.includes(other) ? undefined : `${one} against ${other}`
}

/** 1/2 is a number; 5829/376 is an unfinished calculation, unless the reference is a fraction too. */
function isUndone(answer: Quantity, reference: Quantity): boolean {
  if (answer.form !== 'fraction' || reference.form !== 'decimal') return false
  return size(answer.numerator) > 100n || answer.denominator > 100n
}

/** The magnitudes that a reference may omit: thousand, million, billion. */
const impliedMagnitudes = [3, 6, 9]

/**
 * The interpretations of both: by value, and without a unit or magnitude word that only one of them has. Across scales, a
 * reference of one digit must be equal, because too many numbers round to it.
 */
function readings(answer: Quantity, reference: Quantity, exact: boolean): Pair[] {
  const power = (quantity: Quantity) => quantity.power + (quantity.magnitude ?? 0)
  const across = answer.power !== reference.power || (answer.magnitude ?? 0) !== (reference.magnitude ?? 0)
  const strict = exact || (across && reference.form === 'decimal' && reference.digits < 2)
  const pairs = [pairOf(answer, power(answer), reference, power(reference), strict)]
  if (reference.unit === 'percent' && mayLackPercent(answer)) {
    pairs.push(pairOf(answer, reference.power, reference, reference.power, strict))
  }
  if (answer.unit === 'percent' && answer.power === -2 && mayLackPercent(reference)) {
    pairs.push(pairOf(answer, answer.power, reference, answer.power, strict))
  }
  if (isPlain(answer) && isPlain(reference)) {
    const added = reference.magnitude === undefined && impliedMagnitudes.includes(answer.magnitude ?? 0)
    const leftOut = reference.magnitude !== undefined && answer.magnitude === undefined
    if (added) pairs.push(pairOf(answer, answer.power, reference, reference.power, true))
    if (leftOut) pairs.push(pairOf(answer, answer.power, reference, reference.power, strict))
  }
  return pairs
}

function isPlain({ unit }: Quantity): boolean {
  return unit !== 'percent' && unit !== 'ratio'
}

/** A bare 7 may mean 7%; a bare 0.33 is a fraction. */
function mayLackPercent({ unit, magnitude, numerator, denominator }: Quantity): boolean {
  return unit === undefined && magnitude === undefined && size(numerator) >= denominator
}

function pairOf(
  answer: Quantity,
  answerPower: number,
  reference: Quantity,
  referencePower: number,
  exact: boolean,
): Pair {
  const answerPlace = answer.place === undefined ? undefined : answer.place + answerPower
  const referencePlace = reference.place === undefined ? undefined : reference.place + referencePower
  // Enough decimals to represent both values and thousandths of the finest unit as integers.
  const decimals = 3 + Math.max(0, -(answerPlace ?? 0), -(referencePlace ?? 0), -answerPower, -referencePower)
  const one = answer.denominator * reference.denominator * tenTo(decimals)
  const unit = (place: number | undefined) => (place === undefined ? undefined : times(one, place))
  return {
    answer: times((one / answer.denominator) * answer.numerator, answerPower),
    reference: times((one / reference.denominator) * reference.numerator, referencePower),
    one,
    answerUnit: unit(answerPlace),
    referenceUnit: unit(referencePlace),
    exact,
  }
}

function judge(pair: Pair, digits: number, percent: boolean, rule: Rule): Score | undefined {
  const { answer, reference, one, answerUnit, referenceUnit } = pair
  const difference = size(answer - reference)
  const largest = larger(size(answer), size(reference))
  if (difference === 0n || isNoise(pair, difference, largest)) return { score: 1, reason: 'equals the reference' }
  if (pair.exact) return undefined
  if (reference === 0n) {
    const rounds = referenceUnit !== undefined && 2n * size(answer) < referenceUnit
    return rounds ? { score: 0.5, reason: 'rounds to the reference' } : undefined
  }
  if (answer < 0n !== reference < 0n || answer === 0n) return undefined
  if (referenceUnit !== undefined && roundsTo(size(answer), size(reference), referenceUnit)) {
    const near = difference * 10n <= size(reference)
    return { score: rule === 'rounding' && near ? 1 : 0.5, reason: 'rounds to the reference' }
  }
  if (difference * 1000n <= largest) return { score: 0.5, reason: 'within 0.1% of the reference' }
  if (answerUnit !== undefined && digits > 1 && answerUnit > (referenceUnit ?? 0n)) {
    if (roundsTo(size(reference), size(answer), answerUnit))
      return { score: 0.5, reason: 'the reference rounded further' }
    const cut = size(reference) - size(answer)
    if (cut > 0n && cut < answerUnit) return { score: 0.5, reason: 'the reference cut short' }
  }
  const near = percent && difference * 1000n <= one && difference * 100n <= largest
  return near ? { score: 0.5, reason: 'within a tenth of a percentage point of the reference' } : undefined
}

/** Whether the difference is a rounding error of IEEE 754: 0.30000000000000004 for 0.3, 5.6e-17 for 0. */
function isNoise(pair: Pair, difference: bigint, largest: bigint): boolean {
  const unit = pair.referenceUnit ?? pair.answerUnit
  if (pair.reference === 0n) return unit !== undefined && difference * tenTo(9) < unit
  const coarser = (pair.answerUnit ?? 0n) > (unit ?? 0n) ? pair.answerUnit : unit
  return difference * tenTo(12) <= largest && (coarser === undefined || difference * 1000n < coarser)
}

/** Rounds half away from zero, as 11.5 to 12, also if the number is below half by a rounding error of IEEE 754. */
function roundsTo(precise: bigint, rounded: bigint, unit: bigint): boolean {
  const doubled = 2n * (precise - rounded)
  // Without the second bound, the noise of a number of 13 digits would be larger than its last digit.
  const noise = smaller(2n * rounded, unit * tenTo(9))
  return doubled < unit && doubled * tenTo(12) >= -unit * tenTo(12) - noise
}

function mismatch(pairs: readonly Pair[], percent: boolean): string {
  const says = (change: (pair: Pair) => Pair) =>
    pairs.some((pair) => judge(change(pair), 0, percent, 'rounding') !== undefined)
  if (says((pair) => ({ ...pair, answer: -pair.answer }))) return 'sign differs'
  for (let power = 1; power <= 12; power += 1) {
    const found =
      says((pair) => ({ ...pair, answer: pair.answer * tenTo(power) })) ||
      says((pair) => ({ ...pair, reference: pair.reference * tenTo(power) }))
    if (found) return `off by a factor of ${familiar[power] ?? `10^${power}`}`
  }
  const [pair] = pairs
  if (pair === undefined || pair.reference === 0n) return 'differs from the reference'
  const thousandths = (size(pair.answer - pair.reference) * 100_000n) / size(pair.reference)
  const percentage = thousandths > 1_000_000n ? 'more than 1000' : Number((Number(thousandths) / 1000).toPrecision(3))
  return `differs by ${percentage}% from the reference`
}

function size(value: bigint): bigint {
  return value < 0n ? -value : value
}

function larger(one: bigint, other: bigint): bigint {
  if (one > other) return one
  return other
}

function smaller(one: bigint, other: bigint): bigint {
  return one < other ? one : other
}

function tenTo(power: number): bigint {
  return 10n ** BigInt(power)
}

function times(value: bigint, power: number): bigint {
  return power < 0 ? value / tenTo(-power) : value * tenTo(power)
}
