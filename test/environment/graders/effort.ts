import { defineGrader } from '../environment.ts'

/** Counts the calls of a rollout: 1 without a call, 0 when the budget is spent. */
export const effort = defineGrader({
  name: 'effort',
  version: '1',
  range: [0, 1],
  grade: ({ trajectory }) => 1 - Math.min(trajectory.length, 10) / 10,
})
