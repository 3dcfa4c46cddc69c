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

/** What an expression that misses the target earns at most, so that a near miss never pays as well as a search. */
const mostForNear = 0.3

/** So far from the target, an expression earns nothing: as in the television game. */
const reach = 10n

/** An answer is a line; what is longer than any expression is not looked at. */
const longest = 1_000

/**
 * The countdown puzzle: reach the target by + − × ÷ from the given numbers, each used at most once. What the expression
 * comes to decides, never what the answer says that it comes to. One expression is read, the last, so that a list of
 * guesses is worth what its last guess is.
 */
export const countdown = defineGrader({
  name: 'countdown',
  version: '1',
  range: [0, 1],
  grade({ sample, task: { numbers, target } }) {
    // The best answer would be a bare number, which is no work and earns nothing: no score of this item says anything.
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
    // Exact up to here: only what is within reach is small enough to be a number.
    const closeness = away >= reach * denominator ? 0 : 1 - Number((away * 1_000_000n) / (reach * denominator)) / 1e6
    return {
      score: mostForNear * closeness,
      parts: { valid: 1, closeness },
      reason: value.length > 40 ? 'far from the target' : `${value}, not ${target}`,
    }
  },
})

/** Why an expression is no answer to the puzzle; undefined when it is one. */
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

/** The expression that an answer ends with: in <answer>, in \boxed, or on its last line; without "Answer:" and "= 112". */
function expressionOf(text: string): string {
  const tagged = text.slice(text.lastIndexOf('<answer>')).match(/^<answer>([^<]*)<\/answer>/u)?.[1]
  const lines = (tagged ?? text).split('\n').filter((line) => !/^[\s$`]*$|^\s*```|^\s*\\[[\]]\s*$/u.test(line))
  const last = (lines.at(-1) ?? '').slice(0, longest + 1).replace(/^\s*[-*•]\s+/u, '')
  const boxed = /.*\\boxed\s*\{(.*)\}/u.exec(last)?.[1] ?? last
  // A fraction has braces and parentheses of its own, which `undress` does not keep.
  const line = boxed.includes('frac') ? boxed.replaceAll('$', '') : undress(boxed)
  // Words before it are no part of it, a minus is: no sign stands before a number here.
  const bare = line.replace(/^[^\d(\\=-]*/u, '')
  const sides = bare.split('=')
  return undress(sides.find((side) => /\d\s*\)*\s*[^\d\s.)*`$]/u.test(side)) ?? sides[0] ?? '').trim()
}
