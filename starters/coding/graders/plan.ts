import { scoreSet } from '../../../src/kit/scoring/sets.ts'
import { defineGrader } from '../schema/environment.ts'

/** F1 of the files of the plan and those that have to change; 0 without a plan. Long plans are no way to guess. */
export const scorePlan = (plan: readonly string[] | null, files: readonly string[]) =>
  plan === null ? 0 : scoreSet(plan, files, { most: files.length + 2 }).score

/** Scores the plan alone: which files have to change. */
export const plan = defineGrader({
  name: 'plan',
  version: '1',
  grade: ({ state, reference }) => scorePlan(state.plan, reference.files),
})
