import { badArgumentsCheck } from './bad-arguments-check.ts'
import { type BaselineOptions, baselineCheck } from './baseline-check.ts'
import { bodyCheck } from './body-check.ts'
import { type BudgetOptions, budgetCheck } from './budget-check.ts'
import { contractCheck } from './contract-check.ts'
import type { Check, Desk } from './desk.ts'
import { type GraderCheckOptions, graderCheck } from './grader-check.ts'
import { leakCheck } from './leak-check.ts'
import { burstCheck, type LoadOptions, steadyCheck } from './load-check.ts'
import { retryCheck } from './retry-check.ts'
import { tokenCheck } from './token-check.ts'
import { skip } from './verdict.ts'

/** What the checks that need the server are given. */
export interface CheckOptions extends BudgetOptions {
  /** The names of the item's fields that tools must not show. */
  readonly referenceFields: readonly string[]
  readonly grader: GraderCheckOptions
  readonly load: LoadOptions
  /** Undefined where no agent is given. */
  readonly baseline: BaselineOptions | undefined
}

/** The checks of a server that cost it little, in the order in which they are made. */
export function lightChecks(desk: Desk, options: CheckOptions): readonly Check[] {
  const { referenceFields, grader, baseline } = options
  return [
    tokenCheck(desk),
    contractCheck(desk),
    badArgumentsCheck(desk),
    retryCheck(desk),
    leakCheck(desk, referenceFields),
    budgetCheck(desk, options),
    graderCheck(desk, grader),
    bodyCheck(desk),
    baseline === undefined ? withoutAgent : baselineCheck(desk, baseline),
  ]
}

/** The checks that press a server hard. */
export const heavyChecks = (desk: Desk, { load }: CheckOptions): readonly Check[] => [
  ...(load.seconds > 0 ? [steadyCheck(desk, load)] : []),
  ...(load.burst > 0 ? [burstCheck(desk, load)] : []),
]

const withoutAgent: Check = {
  name: 'baseline',
  requests: 0,
  run: async () => [skip('baseline', 'no agent was given', 'play a few rollouts with --agents, or with --model')],
}
