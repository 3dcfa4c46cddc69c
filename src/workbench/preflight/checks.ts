import { badArgumentsCheck } from './bad-arguments-check.ts'
import { type BaselineOptions, baselineCheck } from './baseline-check.ts'
import { bodyCheck } from './body-check.ts'
import { type BudgetOptions, budgetCheck } from './budget-check.ts'
import { callIdsCheck } from './call-ids-check.ts'
import type { Check, CheckContext } from './check.ts'
import { contractCheck } from './contract-check.ts'
import { type GraderCheckOptions, graderCheck } from './grader-check.ts'
import { ignoredArgumentsCheck } from './ignored-arguments-check.ts'
import { leakCheck } from './leak-check.ts'
import { burstCheck, type LoadOptions, steadyCheck } from './load-check.ts'
import { retryCheck } from './retry-check.ts'
import { tokenCheck } from './token-check.ts'
import { skip } from './verdict.ts'

/** Options of the checks that need the server. */
export interface CheckOptions extends BudgetOptions {
  /** The names of the item's fields that tools must not show. */
  readonly referenceFields: readonly string[]
  readonly grader: GraderCheckOptions
  readonly load: LoadOptions
  /** Undefined if no agent is given. */
  readonly baseline: BaselineOptions | undefined
}

/** The checks that cost the server little, in the order in which they run. */
export function lightChecks(context: CheckContext, options: CheckOptions): readonly Check[] {
  const { referenceFields, grader, baseline } = options
  const { hasGrader } = context
  return [
    tokenCheck(context),
    contractCheck(context),
    badArgumentsCheck(context),
    ignoredArgumentsCheck(context),
    retryCheck(context),
    callIdsCheck(context),
    leakCheck(context, referenceFields),
    budgetCheck(context, options),
    hasGrader ? graderCheck(context, grader) : skipped('score', 'there is no grader to check'),
    bodyCheck(context),
    baseline === undefined
      ? skipped('baseline', 'no agent was given', 'play a few rollouts with --agents, or with --model')
      : hasGrader
        ? baselineCheck(context, baseline)
        : skipped('baseline', 'without a grader rollouts have no score'),
  ]
}

/** The checks that put a load on the server. */
export const heavyChecks = (context: CheckContext, { load }: CheckOptions): readonly Check[] => [
  ...(load.seconds > 0 ? [steadyCheck(context, load)] : []),
  ...(load.burst > 0 ? [burstCheck(context, load)] : []),
]

const skipped = (name: string, why: string, advice?: string): Check => ({
  name,
  requests: 0,
  run: async () => [skip(name, why, advice)],
})
