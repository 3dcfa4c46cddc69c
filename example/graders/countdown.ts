import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'
import { RequestError } from '../../src/kit/errors.ts'
import { type Arithmetic, evaluateArithmetic } from '../../src/kit/scoring/arithmetic.ts'
import { undress } from '../../src/kit/scoring/undress.ts'

const { defineGrader } = defineEnvironment({
  task: z.object({ numbers: z.array(z.int().positive()).min(2).max(10), target: z.int().positive() }),
  // The puzzle is its own reference: an answer is checked, not compared.
  reference: z.object({}),
  state: z.object({}),
})

/** The most that an expression off the target earns, so that a near miss never pays as much as a solution. */
const mostForNear = 0.3

/** The distance from the target at which an expression earns nothing, as in the television game. */
const reach = 10n

/** A longer answer cannot be an expression and is not parsed. */
const longest = 1_000

/**
 * The countdown puzzle: reach the target with + − × ÷ from the given numbers, each used at most once. The value of the
 * expression decides, never the value that the answer claims. Only the last expression is read, so that a list of
 * guesses earns what its last guess earns.
 */
export const countdown = defineGrader({
  name: 'countdown',
  version: '1',
  range: [0, 1],
  grade({ sample, task: { numbers, target } }) {
    // The best answer would be a bare number, which earns nothing, so no score of this item would be meaningful.
    if (numbers.includes(target)) {
      throw new RequestError(422, 'item_misfit', 'the item cannot be graded: its target is one of its numbers')
    }
    const read = evaluateArithmetic(expressionOf(sample.output_text))
    const fault = faultOf(read, numbers)
    if (!read.ok || fault !== undefined) return { score: 0, parts: { valid: 0 }, reason: fault ?? 'no expression' }
    const { numerator, denominator } = read
    const apart = numerator - BigInt(target) * denominator
    const away = apart < 0n ? -apart : apart
    const value = denominator === 1n ? `${numerator}` : `${numerator}/${denominator}`
    if (away === 0n) return { score: 1, parts: { valid: 1, closeness: 1 }, reason: 'the target' }
    // Division in bigints is exact; the result is small enough for a number.
    const closeness = away >= reach * denominator ? 0 : 1 - Number((away * 1_000_000n) / (reach * denominator)) / 1e6
    return {
      score: mostForNear * closeness,
      parts: { valid: 1, closeness },
      reason: value.length > 40 ? 'far from the target' : `${value}, not ${target}`,
    }
  },
})

/** Why an expression is not a valid answer to the puzzle; undefined if it is. */
function faultOf(read: Arithmetic, numbers: readonly number[]): string | undefined {
  if (!read.ok) return read.reason
  if (read.numbers.length < 2) return 'a bare number'
  const left = numbers.map(BigInt)
  for (const used of read.numbers) {
    const at = left.indexOf(used)
    if (at < 0) return numbers.map(BigInt).includes(used) ? `${used} used too often` : 'a number that is not given'
    left.splice(at, 1)
  }
  return undefined
}

/** The expression at the end of an answer: in <answer>, in \boxed, or on the last line, without "Answer:" and "= 112". */
function expressionOf(text: string): string {
  const tagged = text.slice(text.lastIndexOf('<answer>')).match(/^<answer>([^<]*)<\/answer>/u)?.[1]
  const lines = (tagged ?? text).split('\n').filter((line) => !/^[\s$`]*$|^\s*```|^\s*\\[[\]]\s*$/u.test(line))
  const last = (lines.at(-1) ?? '').slice(0, longest + 1).replace(/^\s*[-*•]\s+/u, '')
  const boxed = /.*\\boxed\s*\{(.*)\}/u.exec(last)?.[1] ?? last
  // `undress` would remove the braces and parentheses of a fraction.
  const line = boxed.includes('frac') ? boxed.replaceAll('$', '') : undress(boxed)
  // Words before the expression are dropped; a minus is kept, because it makes the expression invalid.
  const bare = line.replace(/^[^\d(\\=-]*/u, '')
  const sides = bare.split('=')
  return undress(sides.find((side) => /\d\s*\)*\s*[^\d\s.)*`$]/u.test(side)) ?? sides[0] ?? '').trim()
}
