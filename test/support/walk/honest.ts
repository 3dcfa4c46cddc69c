import type { Learner } from '../../../src/workbench/learn/learn.ts'
import { guess, lookUp } from './agents.ts'

/** Learns to look the answer up. */
export const learner: Learner = {
  name: 'honest',
  choices: { answer: ['looked up', 'guessed'] },
  likely: { answer: { guessed: 3 } },
  play: async (context, { answer }) => (answer === 'looked up' ? lookUp(context) : guess(context)),
}
