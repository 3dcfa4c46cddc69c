import type { Learner } from '../../../src/workbench/learn/learn.ts'
import { work } from './agents.ts'

/** YOURS: an agent whose conduct is left open, for `scorekeeper learn`: does the reward teach it to mend the fault? */
export const learner: Learner = {
  name: 'learner',
  choices: {
    change: ['all', 'none', 'tests'],
    plan: ['thought of', 'everything', 'none'],
  },
  likely: { change: { tests: 2 }, plan: { everything: 2 } },
  play: (context, chosen) =>
    work(context, {
      change: chosen['change'] === 'all' ? 'all' : chosen['change'] === 'tests' ? 'tests' : 'none',
      plan: chosen['plan'] === 'thought of' ? 'thought of' : chosen['plan'] === 'everything' ? 'everything' : 'none',
    }),
}
