import { z } from 'zod'

const message = z.looseObject({ role: z.string(), content: z.unknown() })

/** A row of a training job's dataset: `messages` are the model's, all of it is the item that tools and graders get. */
export const datasetItem = z.looseObject({ messages: z.array(message).min(1) })

/** A row of a training job's dataset. */
export type DatasetItem = z.infer<typeof datasetItem>

/** A tool that an agent may call, as a dataset's rows define it. */
export const toolDefinition = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({
    name: z.string(),
    description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
  }),
})

/** A tool that an agent may call. */
export type ToolDefinition = z.infer<typeof toolDefinition>

/** A tool call that an agent makes. */
export interface WantedCall {
  readonly tool: string
  readonly arguments: unknown
}

/** What an agent may see and do in a rollout: what a model would read, never the reference. */
export interface AgentContext {
  readonly messages: DatasetItem['messages']
  /** The last message of the user's, as text. */
  readonly question: string
  readonly tools: readonly ToolDefinition[]
  /** What the item asks of the answer's form (`response_format`); undefined where it asks nothing. */
  readonly format: unknown
  /** At least 0 and less than 1; the same numbers for the same seed, item and place in the group. */
  random(): number
  /** How many more steps the rollout may take. */
  stepsLeft(): number
  /** Aborted when the rollout is over before the agent is. */
  readonly signal: AbortSignal
  /** Calls one tool, which is one step, and gives what the model would read: the output, or the text of an error. */
  call(tool: string, args: unknown): Promise<string>
  /** Calls several tools at once, which is one step; the answers come in the order of the calls. */
  callTogether(calls: readonly WantedCall[]): Promise<readonly string[]>
}

/** What an agent ends a rollout with; a text alone says the same as `{ text }`. */
export interface Answer {
  readonly text: string
  /** Tokens that a model gave, reasoning included; estimated from the text where it is left out. */
  readonly outputTokens?: number
  /** Tokens that a model read, over all steps. */
  readonly inputTokens?: number
  readonly reasoningSummary?: string
}

/** Plays rollouts: a script, or a model. */
export interface Agent {
  readonly name: string
  play(context: AgentContext): Promise<string | Answer>
}

/** The text of a message, whether it is written as a text or as parts. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  const parts = z.array(z.union([z.string(), z.looseObject({ text: z.string() })])).safeParse(content)
  return parts.success ? parts.data.map((part) => (typeof part === 'string' ? part : part.text)).join('\n') : ''
}
