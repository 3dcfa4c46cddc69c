import type { Evidence } from '../evidence.ts'
import { answerChecks } from './answers.ts'
import { attemptChecks } from './attempts.ts'
import type { Check } from './check.ts'
import { effectChecks } from './effects.ts'
import { gradingChecks } from './grading.ts'
import { orderChecks } from './order.ts'
import { rowChecks } from './rows.ts'
import { sandboxChecks } from './sandboxes.ts'

/** Every check of a run. */
export const checks: readonly Check[] = [
  ...answerChecks,
  ...effectChecks,
  ...orderChecks,
  ...gradingChecks,
  ...attemptChecks,
  ...rowChecks,
  ...sandboxChecks,
]

/** The checks that a run can violate: those of sandboxes only in a run with sandboxes. */
export const checksOf = ({ sandboxes }: Pick<Evidence, 'sandboxes'>): readonly Check[] =>
  sandboxes === undefined ? checks.filter((check) => !sandboxChecks.includes(check)) : checks
