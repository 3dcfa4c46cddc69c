import { type Command, InvalidArgumentError, type OptionValues } from '@commander-js/extra-typings'
import OpenAI from 'openai'
import type { Agent } from '../../workbench/simulate/agent.ts'
import { loadAgents } from '../../workbench/simulate/load-players.ts'
import { modelAgent } from '../../workbench/simulate/model-agent.ts'
import { createSpending, type Spending } from '../../workbench/simulate/spending.ts'
import { amount, list, type OptionsOf, whole } from '../options.ts'

type PlayersOptions = OptionsOf<typeof playersOptions<[], { agents?: string }>>

/** Reads the prices of a million tokens of input and of output, in dollars. */
function prices(text: string): readonly [number, number] {
  const [input, output, ...more] = list(text).map(amount)
  if (input !== undefined && output !== undefined && more.length === 0) return [input, output]
  throw new InvalidArgumentError('It must be the price of input, a comma, and the price of output.')
}

/** What a model has cost. */
export type ModelCost = Spending['spent']

/** Adds the options that select who plays rollouts, except `--agents`. */
export function playersOptions<Args extends unknown[], Options extends OptionValues>(command: Command<Args, Options>) {
  return command
    .option('--agent <names>', 'only these of its agents, separated by commas', list)
    .option('--model <name>', 'let a model play, over the Responses API')
    .option('--model-url <url>', 'the base URL of the model (default: OpenAI)')
    .option('--effort <level>', 'the reasoning effort of the model')
    .option('--max-output-tokens <n>', 'the most tokens of one answer of the model', whole)
    .option('--model-concurrency <n>', 'the most requests to the model at the same time', whole, 8)
    .option('--max-tokens <n>', 'stop when the model has used this many tokens', whole)
    .option('--max-dollars <n>', 'stop when the model has cost this much; needs --prices', amount)
    .option('--prices <in,out>', 'dollars per million tokens of input and output', prices)
}

/** The contradiction in these options; undefined if they agree. */
export function playersProblem({ maxDollars, prices }: PlayersOptions): string | undefined {
  return maxDollars !== undefined && prices === undefined ? '--max-dollars needs --prices in,out' : undefined
}

/** The agents, and what a model has cost so far; no agents if neither a module nor a model is given. */
export async function playersOf(
  options: PlayersOptions,
  env: NodeJS.ProcessEnv,
  stop: AbortController,
): Promise<{ readonly agents: readonly Agent[]; readonly spent: () => ModelCost | undefined }> {
  if (options.model === undefined) {
    const agents = options.agents === undefined ? [] : await loadAgents(options.agents, options.agent)
    return { agents, spent: () => undefined }
  }
  const [input = 0, output = 0] = options.prices ?? []
  const limits = { concurrency: options.modelConcurrency, tokens: options.maxTokens, dollars: options.maxDollars }
  const spending = createSpending({ ...limits, dollarsPerMillion: { input, output } }, (limit) => stop.abort(limit))
  const apiKey = env['OPENAI_API_KEY'] ?? 'none'
  const client = new OpenAI({ baseURL: options.modelUrl ?? null, apiKey, maxRetries: 6 })
  const { model, effort, maxOutputTokens } = options
  return { agents: [modelAgent({ client, model, effort, maxOutputTokens, spending })], spent: () => spending.spent }
}
