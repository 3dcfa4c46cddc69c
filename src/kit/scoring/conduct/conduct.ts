import type { Score } from '../score.ts'
import type { ScoredCall } from './trajectory.ts'

/** How many calls a rollout may make; what is left out is not limited. */
export interface CallBudget {
  /** Of all tools together. */
  readonly calls?: number
  /** Of single tools, by name. */
  readonly tools?: Readonly<Record<string, number>>
}

/**
 * Scores 1 when a trajectory kept to its budget, and 0 else. Every call counts, refused ones too: those that the server
 * refused because *its* budget was used up are the sign of a model that does not keep one. `parts` are counts: `calls`, and
 * `beyond`, those above the limits (above several limits at once: the greatest excess).
 *
 * No call: 1. Throws a RangeError for a limit that is no whole number of 0 or more.
 *
 * @example scoreBudget(trajectory, { calls: 10, tools: { search: 3 } }).score
 */
export function scoreBudget(calls: readonly Pick<ScoredCall, 'tool'>[], budget: CallBudget): Score {
  const tools = Object.entries(budget.tools ?? {}).map(([tool, limit]) => ({
    of: ` of ${tool}`,
    limit,
    made: calls.filter((call) => call.tool === tool).length,
  }))
  const all = budget.calls === undefined ? [] : [{ of: '', limit: budget.calls, made: calls.length }]
  const limits = [...all, ...tools]
  const wrong = limits.find(({ limit }) => !Number.isInteger(limit) || limit < 0)
  if (wrong !== undefined) throw new RangeError(`a budget must be a whole number of 0 or more, not ${wrong.limit}`)
  const broken = limits.find(({ limit, made }) => made > limit)
  return {
    score: Number(broken === undefined),
    reason: broken === undefined ? 'budget kept' : `${broken.made} calls${broken.of} where ${broken.limit} are allowed`,
    parts: { calls: calls.length, beyond: Math.max(0, ...limits.map(({ limit, made }) => made - limit)) },
  }
}

/**
 * Scores what share of the errors a trajectory answered: an error is a call that was not successful, and it is answered by
 * a later successful call of the same tool. One success answers all the errors of its tool before it. No error: 1.
 *
 * `parts` are counts: `errors` and `unanswered`. A model that gives a tool up after an error, and rightly so, loses here:
 * weigh it low.
 *
 * @example scoreErrorsAnswered(trajectory) // { score: 0.5, reason: '1 of 2 errors unanswered, of cat', … }
 */
export function scoreErrorsAnswered(calls: readonly Pick<ScoredCall, 'tool' | 'outcome'>[]): Score {
  const lastSuccess = new Map<string, number>()
  for (const [at, call] of calls.entries()) if (call.outcome === 'ok') lastSuccess.set(call.tool, at)
  const errors = calls.filter((call) => call.outcome !== 'ok').length
  const unanswered = calls.filter((call, at) => call.outcome !== 'ok' && (lastSuccess.get(call.tool) ?? -1) < at)
  const [first] = unanswered
  const all = errors === 1 ? '1 error' : `${errors} errors`
  const reason =
    first === undefined ? `all answered of ${all}` : `${unanswered.length} of ${all} unanswered, of ${first.tool}`
  return {
    score: errors === 0 ? 1 : 1 - unanswered.length / errors,
    reason: errors === 0 ? 'no error' : reason,
    parts: { errors, unanswered: unanswered.length },
  }
}
