import { type CallPattern, type ScoredCall, usedTool } from '../../trajectory.ts'
import type { Score } from '../score.ts'

/** Time and memory grow with the product of the numbers of steps and calls. */
const mostSteps = 100

/**
 * Scores the share of patterns that a successful call of the trajectory matches. `parts` are counts: `found` and `wanted`.
 * An empty trajectory scores 0. Throws a RangeError if there are no patterns.
 *
 * @example scoreUsed(trajectory, [{ tool: 'search' }, { tool: 'cat', arguments: { path } }]).score // 0.5 without the cat
 */
export function scoreUsed(calls: readonly ScoredCall[], wanted: readonly CallPattern[]): Score {
  if (wanted.length === 0) throw new RangeError('there are no patterns; give at least one')
  const missing = wanted.filter((pattern) => !usedTool(calls, pattern))
  const found = wanted.length - missing.length
  const not = missing[0] === undefined ? '' : `, not ${describe(missing[0])}`
  return {
    score: found / wanted.length,
    reason: `${found} of ${wanted.length} expected calls${not}`,
    parts: { found, wanted: wanted.length },
  }
}

/**
 * Scores 1 if no call of a trajectory matches a forbidden pattern, and 0 otherwise. Attempts count: a refused call matches
 * too. `parts.calls` is the number of forbidden calls. An empty trajectory scores 1, and so does an empty list of patterns.
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
 * Scores the share of steps that a trajectory took in order: the longest common subsequence of successful calls and steps,
 * divided by the number of steps. Other calls in between do not matter; one call matches one step. `parts` are counts:
 * `taken` and `wanted`. An empty trajectory scores 0.
 *
 * Throws a RangeError for no step, or for more than 100.
 *
 * @example scoreUsedInOrder(trajectory, [{ tool: 'get_order' }, { tool: 'cancel_order', arguments: { id: 7 } }]).score
 */
export function scoreUsedInOrder(calls: readonly ScoredCall[], steps: readonly CallPattern[]): Score {
  if (steps.length === 0 || steps.length > mostSteps) {
    throw new RangeError(`there are ${steps.length} steps; the number must be from 1 to ${mostSteps}`)
  }
  // For each step: the longest subsequence of the calls so far that uses no later step.
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
    reason: `${most} of ${steps.length} steps taken in order`,
    parts: { taken: most, wanted: steps.length },
  }
}

/**
 * Scores the share of documents that a trajectory read: those with a successful call of the tool whose argument is exactly
 * the document's name. `parts` are counts: `found` and `wanted`. Throws a RangeError if there are no documents.
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
