import type { Learner } from '../../src/workbench/learn/learn.ts'
import { lookUp } from './agents.ts'

/** The careful agent with its conduct left open: whether it looks the answer up, and whether it lists pages first. */
export const learner: Learner = {
  name: 'learner',
  choices: { begin: ['at once', 'list first'], look: ['up', 'not at all'] },
  likely: { begin: { 'list first': 3 }, look: { 'not at all': 3 } },
  async play(context, chosen) {
    if (chosen['begin'] === 'list first') await context.call('list', { path: '' })
    return chosen['look'] === 'up' ? lookUp(context) : '12.5%'
  },
}
