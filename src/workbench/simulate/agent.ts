import { z } from 'zod'
import { readRecords } from '../../base/json-lines.ts'

const message = z.looseObject({ role: z.string(), content: z.unknown() })

/** A row of a training job's dataset: the model reads `messages`; tools and graders get the whole row as the item. */
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
  /** The text of the last user message. */
  readonly question: string
  readonly tools: readonly ToolDefinition[]
  /** The item's `response_format`; undefined where it has none. */
  readonly format: unknown
  /** A number from 0 up to, but not including, 1; the same sequence for the same seed, item and place in the group. */
  random(): number
  /** How many steps are left. */
  stepsLeft(): number
  /** Aborts when the rollout ends before the agent does. */
  readonly signal: AbortSignal
  /** Calls one tool, which is one step, and returns what the model would read: the output, or the text of an error. */
  call(tool: string, args: unknown): Promise<string>
  /** Calls several tools at the same time, which is one step; the answers are in the order of the calls. */
  callTogether(calls: readonly WantedCall[]): Promise<readonly string[]>
}

/** An agent's final answer; a string is the same as `{ text }`. */
export interface Answer {
  readonly text: string
  /** Output tokens of a model, including reasoning; estimated from the text where it is left out. */
  readonly outputTokens?: number
  /** Input tokens of a model, over all steps. */
  readonly inputTokens?: number
  readonly reasoningSummary?: string
}

/** Plays rollouts: a script, or a model. */
export interface Agent {
  readonly name: string
  play(context: AgentContext): Promise<string | Answer>
}

/** The text of a message's content, which is a string or a list of parts. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  const parts = z.array(z.union([z.string(), z.looseObject({ text: z.string() })])).safeParse(content)
  return parts.success ? parts.data.map((part) => (typeof part === 'string' ? part : part.text)).join('\n') : ''
}

/**
 * Reads the first rows of a dataset, JSON Lines, plain or gzip.
 *
 * @throws Error that names the line that is not a row.
 */
export function readItems(path: string, most: number): Promise<readonly DatasetItem[]> {
  return readRecords(path, { most, what: 'a row of a dataset', parse: datasetItem.safeParse })
}
