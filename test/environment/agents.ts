import type { Agent, Desk } from '../../src/workbench/simulate/agent.ts'

/** Searches, reads the first page found, and answers with its figure. */
export async function lookUp(desk: Desk): Promise<string> {
  const [, path] = /^1\. (\S+)$/m.exec(await desk.call('search', { query: desk.question })) ?? []
  if (path === undefined) return 'unknown'
  return /revenue \| (\S+)/.exec(await desk.call('cat', { path }))?.[1] ?? 'unknown'
}

const careful: Agent = { name: 'careful', play: lookUp }

/** Answers right half of the time. */
const hasty: Agent = {
  name: 'hasty',
  play: async (desk) => (desk.random() < 0.5 ? lookUp(desk) : desk.call('list', { path: '' }).then(() => '0')),
}

const guessing: Agent = { name: 'guessing', play: async () => '12.5%' }

export const agents: readonly Agent[] = [careful, hasty, guessing]
