import type { Agent, AgentContext } from '../../../src/workbench/simulate/agent.ts'

/** Looks the answer up, and misreads one page in four. */
export async function lookUp(context: AgentContext): Promise<string> {
  const company = Number(/\d+/.exec(context.question)?.[0])
  const page = await context.call('look_up', { company })
  const [, revenue = '0'] = /earned (\d+)/.exec(page) ?? []
  return context.random() < 0.75 ? `It earned ${revenue} million.` : `It earned ${Number(revenue) + 1} million.`
}

/** Answers without looking. */
export function guess({ random }: AgentContext): string {
  return `It earned ${Math.floor(random() * 9_000)} thousand.`
}

/** One who looks up half of the time. */
export const agents: readonly Agent[] = [
  { name: 'average', play: async (context) => (context.random() < 0.5 ? lookUp(context) : guess(context)) },
]
