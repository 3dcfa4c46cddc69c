import { counted } from '../../../base/text.ts'
import type { Score } from '../score.ts'
import { canonical, unpack } from '../written.ts'

/** The expected cost of a task. */
export interface EfficiencyOptions {
  /** How many calls a good solution needs: a whole number from 0 to the budget. */
  readonly needed: number
  /** How many calls a rollout may make. */
  readonly budget: number
}

/**
 * Scores how few calls a trajectory has: 1 for at most `needed` calls without repetition, decreasing linearly to 0 at the
 * budget. A call that repeats the tool and arguments of an earlier one (in any order of keys, as an object or as JSON text)
 * is needless even among the first `needed`.
 *
 * `parts` are counts: `calls` and `repeated`.
 *
 * Throws a RangeError unless `needed` and `budget` are whole numbers and 0 ≤ needed ≤ budget.
 *
 * @example
 * scoreEfficiency(fourDifferentCalls, { needed: 2, budget: 10 }).score // 0.75: two of eight were needless
 */
export function scoreEfficiency(
  calls: readonly { tool: string; arguments: unknown }[],
  { needed, budget }: EfficiencyOptions,
): Score {
  if (!Number.isInteger(needed) || !Number.isInteger(budget) || needed < 0 || needed > budget) {
    throw new RangeError(
      `needed and budget must be whole numbers with 0 ≤ needed ≤ budget, not ${needed} and ${budget}`,
    )
  }
  const different = new Set(calls.map((call) => canonical([call.tool, unpack(call.arguments)]))).size
  const repeated = calls.length - different
  const needless = Math.max(0, different - needed) + repeated
  const room = budget - needed
  const score = needless === 0 ? 1 : Math.max(0, room === 0 ? 0 : 1 - needless / room)
  return { score, reason: reasonOf(calls.length, repeated, needless), parts: { calls: calls.length, repeated } }
}

function reasonOf(calls: number, repeated: number, needless: number): string {
  const made = counted(calls, 'call')
  if (needless === 0) return `${made}, none needless`
  return repeated === 0
    ? `${made}, ${needless} needless`
    : `${made}, ${needless} needless, ${repeated} of them repeated`
}
