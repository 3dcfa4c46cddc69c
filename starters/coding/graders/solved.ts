import { defineGrader } from '../schema/environment.ts'
import { scorePlan } from './plan.ts'
import { runCases } from './run-cases.ts'

/** The share of the score that the plan has; the rest is for the change. */
const planShare = 0.25

/**
 * Scores the change that the rollout made to its repository: how many of the cases that were wrong are right now (`fixed`),
 * less what was right and is not any more (`regressed`); and its plan. The agent can read and edit all tests of the repository
 * without any effect on the score: these cases and their values are not in it.
 */
export const solved = defineGrader({
  name: 'solved',
  version: '1',
  timeoutSeconds: 180,
  sandboxes: ['shell'],
  async grade({ sandboxes, reference, state, signal }) {
    const { cases, files } = reference
    const values = await runCases(sandboxes.shell, reference, signal)
    const share = (kind: 'fix' | 'keep') => {
      const of = cases.flatMap((one, at) => (one.kind === kind ? [one.expected === values[at]] : []))
      return of.length === 0 ? 1 : of.filter((isRight) => isRight).length / of.length
    }
    const [fixed, regressed, planned] = [share('fix'), 1 - share('keep'), scorePlan(state.plan, files)]
    const passed = fixed === 1 && regressed === 0 ? 1 : 0
    const score = (1 - planShare) * fixed * (1 - regressed) + planShare * planned
    return { score, parts: { passed, fixed, regressed, plan: planned } }
  },
})
