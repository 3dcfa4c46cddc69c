import { z } from 'zod'
import type { Agent } from './agent.ts'
import { loadModule } from './load-module.ts'

const isAgent = (value: unknown) =>
  z.looseObject({ name: z.string().min(1), play: z.function() }).safeParse(value).success
const agentShape = z.custom<Agent>(isAgent, 'must have a name and a function play')
const moduleShape = z.looseObject({ agents: z.array(agentShape).min(1) })

/**
 * Loads the agents that a module of the user's exports as `agents`; with `names` those of them alone.
 *
 * Throws an Error that says what is wrong with the file, or which names there are.
 */
export async function loadAgents(path: string, names: readonly string[] = []): Promise<readonly Agent[]> {
  const loaded = moduleShape.safeParse(await loadModule(path))
  if (!loaded.success) throw new Error(`${path} exports no list of agents: ${z.prettifyError(loaded.error)}`)
  const { agents } = loaded.data
  const unknown = names.find((name) => !agents.some((agent) => agent.name === name))
  if (unknown !== undefined) {
    throw new Error(`there is no agent "${unknown}" in ${path}; there are ${agents.map(({ name }) => name).join(', ')}`)
  }
  return names.length === 0 ? agents : agents.filter(({ name }) => names.includes(name))
}
