import { z } from 'zod'
import { ToolError } from '../../../src/kit/errors.ts'
import { defineTool } from '../schema/environment.ts'
import { catalogue } from './catalogue.ts'

/** Looks up the price of an article. */
export const lookUp = defineTool({
  name: 'look_up',
  description: 'Look up the price of one article, such as "lamp".',
  input: z.object({ article: z.string().max(100).describe('The name of the article, in the singular') }),
  // It changes the rollout's state, which is in the database.
  effects: 'database',
  run({ input, state, settings }) {
    const article = input.article.trim().toLowerCase()
    const price = catalogue.get(article)
    // The model reads this message, so it says what to try next.
    if (price === undefined)
      throw new ToolError(`there is no article "${input.article}"; there is ${[...catalogue.keys()].join(', ')}`)
    if (!state.lookedUp.includes(article)) state.lookedUp.push(article)
    return `The ${article} costs ${price.toFixed(2)} ${settings.CURRENCY}.`
  },
})
