import { counted } from '../../../base/text.ts'
import type { ScoredCall } from '../../trajectory.ts'
import type { Score } from '../score.ts'

/** The maximum number of calls of a rollout; omitted limits do not apply. */
export interface CallBudget {
  /** For all tools together. */
  readonly calls?: number
  /** For single tools, by name. */
  readonly tools?: Readonly<Record<string, number>>
}

/**
 * Scores 1 if a trajectory is within its budget, and 0 otherwise. Every call counts, including refused ones and those that
 * exceeded the server's own budget. `parts` are counts: `calls`, and `beyond`, the greatest excess over any limit.
 *
 * An empty trajectory scores 1. Throws a RangeError for a limit that is not a whole number of 0 or more.
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
    reason:
      broken === undefined ? 'within budget' : `${broken.made} calls${broken.of} where ${broken.limit} are allowed`,
    parts: { calls: calls.length, beyond: Math.max(0, ...limits.map(({ limit, made }) => made - limit)) },
  }
}

/**
 * Scores the share of failed calls that are followed by a successful call of the same tool. One success answers all
 * earlier errors of its tool. A trajectory without errors scores 1.
 *
 * `parts` are counts: `errors` and `unanswered`. Use a low weight: a model may be right to give up on a tool.
 *
 * @example scoreErrorsAnswered(trajectory) // { score: 0.5, reason: '1 of 2 errors unanswered, of cat', … }
 */
export function scoreErrorsAnswered(calls: readonly Pick<ScoredCall, 'tool' | 'outcome'>[]): Score {
  const lastSuccess = new Map<string, number>()
  for (const [at, call] of calls.entries()) if (call.outcome === 'ok') lastSuccess.set(call.tool, at)
  const errors = calls.filter((call) => call.outcome !== 'ok').length
  const unanswered = calls.filter((call, at) => call.outcome !== 'ok' && (lastSuccess.get(call.tool) ?? -1) < at)
  const [first] = unanswered
  const all = counted(errors, 'error')
  const reason =
    first === undefined ? `${all}, all answered` : `${unanswered.length} of ${all} unanswered, of ${first.tool}`
  return {
    score: errors === 0 ? 1 : 1 - unanswered.length / errors,
    reason: errors === 0 ? 'no error' : reason,
    parts: { errors, unanswered: unanswered.length },
  }
}
