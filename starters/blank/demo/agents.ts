import type { Agent, AgentContext } from '../../../src/workbench/simulate/agent.ts'

/** The article in a question such as "What does the lamp cost?". */
const articleIn = (question: string) => /the (\w+) cost/.exec(question)?.[1] ?? ''

/** The price in a tool's output; undefined if it names none. */
const priceIn = (output: string) => /costs (\d+\.\d\d)/.exec(output)?.[1]

/** Looks the article up and answers with its price. */
export async function lookUpAndAnswer(context: AgentContext): Promise<string> {
  return priceIn(await context.call('look_up', { article: articleIn(context.question) })) ?? 'unknown'
}

const careful: Agent = { name: 'careful', play: lookUpAndAnswer }

/** Looks up something else half of the time. */
const hasty: Agent = {
  name: 'hasty',
  play: async (context) =>
    context.random() < 0.5
      ? lookUpAndAnswer(context)
      : (priceIn(await context.call('look_up', { article: 'vase' })) ?? 'unknown'),
}

/** Calls nothing. */
const guessing: Agent = { name: 'guessing', play: async () => '20.00' }

/** YOURS: scripted agents of different skill, which play rollouts without a model. They never see the reference. */
export const agents: readonly Agent[] = [careful, hasty, guessing]
