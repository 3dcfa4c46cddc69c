import type { Agent, AgentContext } from '../../src/workbench/simulate/agent.ts'

/** Searches, reads the first page found, and answers with its figure. */
export async function lookUp(context: AgentContext): Promise<string> {
  const [, path] = /^1\. (\S+)$/m.exec(await context.call('search', { query: context.question })) ?? []
  if (path === undefined) return 'unknown'
  return /revenue \| (\S+)/.exec(await context.call('cat', { path }))?.[1] ?? 'unknown'
}

const careful: Agent = { name: 'careful', play: lookUp }

/** Answers right half of the time. */
const hasty: Agent = {
  name: 'hasty',
  play: async (context) =>
    context.random() < 0.5 ? lookUp(context) : context.call('list', { path: '' }).then(() => '0'),
}

const guessing: Agent = { name: 'guessing', play: async () => '12.5%' }

export const agents: readonly Agent[] = [careful, hasty, guessing]
