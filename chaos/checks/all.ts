import { answerChecks } from './answers.ts'
import { attemptChecks } from './attempts.ts'
import type { Check } from './check.ts'
import { effectChecks } from './effects.ts'
import { gradingChecks } from './grading.ts'
import { orderChecks } from './order.ts'
import { rowChecks } from './rows.ts'

/** Every check of a run. */
export const checks: readonly Check[] = [
  ...answerChecks,
  ...effectChecks,
  ...orderChecks,
  ...gradingChecks,
  ...attemptChecks,
  ...rowChecks,
]
