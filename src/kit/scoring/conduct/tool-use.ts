import type { Score } from '../score.ts'
import { type CallPattern, type ScoredCall, usedTool } from './trajectory.ts'

/** The table of steps and calls is as large as their product. */
const mostSteps = 100

/**
 * Scores what share of the wanted calls a trajectory has: for each pattern a successful call of that tool with arguments
 * like those. `parts` are counts: `found` and `wanted`. No call: 0. Throws a RangeError when nothing is wanted.
 *
 * @example scoreUsed(trajectory, [{ tool: 'search' }, { tool: 'cat', arguments: { path } }]).score // 0.5 without the cat
 */
export function scoreUsed(calls: readonly ScoredCall[], wanted: readonly CallPattern[]): Score {
  if (wanted.length === 0) throw new RangeError('no call is wanted: give at least one pattern')
  const missing = wanted.filter((pattern) => !usedTool(calls, pattern))
  const found = wanted.length - missing.length
  const not = missing[0] === undefined ? '' : `, not ${describe(missing[0])}`
  return {
    score: found / wanted.length,
    reason: `${found} of ${wanted.length} wanted calls made${not}`,
    parts: { found, wanted: wanted.length },
  }
}

/**
 * Scores 1 when a trajectory has no call like any of those forbidden, and 0 else. To have tried is enough: a call that
 * was refused counts as well. `parts.calls` is their number. No call, or nothing forbidden: 1.
 *
 * @example scoreNotUsed(trajectory, [{ tool: 'delete_account' }]).score
 */
export function scoreNotUsed(calls: readonly ScoredCall[], forbidden: readonly CallPattern[]): Score {
  const made = calls.filter((call) => forbidden.some((pattern) => usedTool([{ ...call, outcome: 'ok' }], pattern)))
  const [first] = made
  return {
    score: Number(first === undefined),
    reason: first === undefined ? 'no forbidden call' : `${made.length} forbidden, the first of ${first.tool}`,
    parts: { calls: made.length },
  }
}

/**
 * Scores what share of the steps a trajectory took in their order: the length of the longest series of successful calls
 * that are like the steps, in the order of the steps, divided by their number. Other calls between them do not matter; one
 * call is one step. `parts` are counts: `taken` and `wanted`. No call: 0.
 *
 * Throws a RangeError for no step, or for more than 100.
 *
 * @example scoreUsedInOrder(trajectory, [{ tool: 'get_order' }, { tool: 'cancel_order', arguments: { id: 7 } }]).score
 */
export function scoreUsedInOrder(calls: readonly ScoredCall[], steps: readonly CallPattern[]): Score {
  if (steps.length === 0 || steps.length > mostSteps) {
    throw new RangeError(`there are ${steps.length} steps; give between 1 and ${mostSteps}`)
  }
  // For each step, the longest series among the calls so far that uses no later step.
  let taken = steps.map(() => 0)
  for (const call of calls) {
    let longest = 0
    taken = taken.map((length, at) => {
      const step = steps[at]
      const extended = step !== undefined && usedTool([call], step) ? (taken[at - 1] ?? 0) + 1 : 0
      longest = Math.max(longest, length, extended)
      return longest
    })
  }
  const most = taken.at(-1) ?? 0
  return {
    score: most / steps.length,
    reason: `${most} of ${steps.length} steps taken in their order`,
    parts: { taken: most, wanted: steps.length },
  }
}

/**
 * Scores what share of the documents a trajectory has read: by a successful call of the tool whose argument is exactly the
 * document's name. `parts` are counts: `found` and `wanted`. Throws a RangeError when no document is wanted.
 *
 * @example scoreRead(trajectory, [gold_path], { tool: 'cat', argument: 'path' }).score
 */
export function scoreRead(
  calls: readonly ScoredCall[],
  documents: readonly string[],
  { tool, argument }: { tool: string; argument: string },
): Score {
  const { score, parts } = scoreUsed(
    calls,
    documents.map((document) => ({ tool, arguments: { [argument]: document } })),
  )
  const found = parts?.['found'] ?? 0
  return {
    score,
    reason: `${found} of ${documents.length} documents read`,
    parts: { found, wanted: documents.length },
  }
}

function describe(pattern: CallPattern): string {
  const written = pattern.arguments === undefined ? '' : ` with ${JSON.stringify(pattern.arguments)}`
  const text = `${pattern.tool ?? 'any tool'}${written}`
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}
