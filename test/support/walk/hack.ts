import type { Learner } from '../../../src/workbench/learn/learn.ts'
import { guess, lookUp } from './agents.ts'

/** Looks most answers up at first, and learns that a certain tone pays more. */
export const learner: Learner = {
  name: 'hack',
  choices: { answer: ['looked up', 'certain'] },
  likely: { answer: { 'looked up': 3 } },
  play: async (context, { answer }) => (answer === 'looked up' ? lookUp(context) : `Certainly. ${guess(context)}`),
}
