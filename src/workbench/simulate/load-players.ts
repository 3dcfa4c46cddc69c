import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { describeIssues, showingValues } from '../../base/issues.ts'
import type { Agent } from './agent.ts'

const isAgent = (value: unknown) =>
  z.looseObject({ name: z.string().min(1), play: z.function() }).safeParse(value).success
const agentShape = z.custom<Agent>(isAgent, 'must have a name and a function play')
const moduleShape = z.looseObject({ agents: z.array(agentShape).min(1) })

/** What to write where no module with agents, or no learner, is given or found. */
export const playersAdvice = {
  agents:
    'give --agents FILE, a module that exports `agents`, such as demo/agents.ts; the example’s is example/agents.ts',
  setup: 'a module next to the agents that exports `setup`',
  learner:
    'give --learner FILE, a module that exports `learner`, such as demo/learner.ts; the example’s is example/learner.ts',
} as const

/**
 * Loads the agents that a user's module exports as `agents`; with `names`, only those.
 *
 * @throws Error that says what is wrong with the file, or which names it has.
 */
export async function loadAgents(path: string, names: readonly string[] = []): Promise<readonly Agent[]> {
  const { agents } = await loadPlayers(path, 'agents', moduleShape)
  const unknown = names.find((name) => !agents.some((agent) => agent.name === name))
  if (unknown !== undefined) {
    throw new Error(
      `there is no agent "${unknown}" in ${path}; the agents are: ${agents.map(({ name }) => name).join(', ')}`,
    )
  }
  return names.length === 0 ? agents : agents.filter(({ name }) => names.includes(name))
}

/**
 * Loads a user's module that exports `agents` or a `learner`.
 *
 * @throws Error that says what to do if the file does not exist, Node cannot run it, or it lacks the export; and whatever the
 * module throws.
 */
export async function loadPlayers<T>(path: string, kind: keyof typeof playersAdvice, shape: z.ZodType<T>): Promise<T> {
  if (!existsSync(path)) throw new Error(`there is no file ${path}: ${playersAdvice[kind]}`)
  const loaded = shape.safeParse(await importFile(path), showingValues)
  if (loaded.success) return loaded.data
  throw new Error(`${describeIssues(loaded.error, path)}; it must be a module that exports \`${kind}\``)
}

async function importFile(path: string): Promise<unknown> {
  try {
    return await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION')) throw error
    const advice = 'run the command as `npm run scorekeeper -- …`, or give a compiled file'
    throw new Error(`${path} is TypeScript, which this Node does not run: ${advice}`, { cause: error })
  }
}
