import type { Learner } from '../../../src/workbench/learn/learn.ts'
import { lookUpAndAnswer } from './agents.ts'

/** YOURS: an agent whose conduct is left open, for `scorekeeper learn`: does the reward teach it to look prices up? */
export const learner: Learner = {
  name: 'learner',
  choices: {
    look: ['up', 'not at all'],
    say: ['the price', 'the price and more numbers'],
  },
  likely: { look: { 'not at all': 3 } },
  async play(context, chosen) {
    const answer = chosen['look'] === 'up' ? await lookUpAndAnswer(context) : '20.00'
    return chosen['say'] === 'the price' ? answer : `${answer} 10.00 15.00 20.00 25.00`
  },
}
