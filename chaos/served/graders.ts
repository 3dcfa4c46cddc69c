import { defineGrader } from './environment.ts'

/** Returns a random score, sometimes fails, and reports in its parts what it received. */
export const graders = [
  defineGrader({
    name: 'luck',
    version: '1',
    grade({ sample, trajectory, state }) {
      if (sample.output_text.startsWith('flaky') && Math.random() < 0.5) throw new Error('a grader that breaks')
      return { score: Math.random(), parts: { calls: trajectory.length, wrote: state.wrote, acted: state.acted } }
    },
  }),
]
