import type OpenAI from 'openai'
import { z } from 'zod'
import { type Agent, type AgentContext, type Answer, type ToolDefinition, textOf } from './agent.ts'
import type { Spending } from './spending.ts'

/** How a model plays. */
export interface ModelAgentSettings {
  readonly client: OpenAI
  readonly model: string
  /** The reasoning effort: `low`, `medium`, `high` or another one of the model's; its default when left out. */
  readonly effort?: string | undefined
  /** The most tokens of one answer, including reasoning. */
  readonly maxOutputTokens?: number | undefined
  /** Counts what is spent, and enforces the limits. */
  readonly spending: Spending
}

const jsonSchemaFormat = z.looseObject({
  type: z.literal('json_schema'),
  json_schema: z.looseObject({
    name: z.string().default('answer'),
    schema: z.record(z.string(), z.unknown()),
    strict: z.boolean().nullish(),
  }),
})
/** The format of the Responses API, which a job's `response_format` may have too. */
const flatFormat = z.looseObject({
  type: z.literal('json_schema'),
  name: z.string().default('answer'),
  schema: z.record(z.string(), z.unknown()),
  strict: z.boolean().nullish(),
})
const effortShape = z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh'])
const roleShape = z.enum(['user', 'assistant', 'system', 'developer'])

/**
 * An agent that is a model with the Responses API: it reads the item's messages and tools; its calls of one turn are made
 * together, and their outputs are sent back with its messages and reasoning, until it makes no call. A refusal is an answer,
 * and graded as one.
 *
 * `play` throws when the model is unavailable or fails: the rollout is then discarded.
 */
export function modelAgent(settings: ModelAgentSettings): Agent {
  const { model } = settings
  return { name: model, play: (context) => play(settings, context) }
}

async function play(
  { client, model, effort, maxOutputTokens, spending }: ModelAgentSettings,
  context: AgentContext,
): Promise<Answer> {
  const input: OpenAI.Responses.ResponseInputItem[] = context.messages.map(({ role, content }) => ({
    ...{ type: 'message', role: roleShape.parse(role), content: textOf(content) },
  }))
  const summaries: string[] = []
  let inputTokens = 0
  let outputTokens = 0
  for (;;) {
    const response = await spending.within(() =>
      client.responses.create(
        {
          model,
          input,
          tools: context.tools.map(functionTool),
          parallel_tool_calls: true,
          // The provider stores nothing: reasoning is returned encrypted, and sent back.
          store: false,
          include: ['reasoning.encrypted_content'],
          ...formatOf(context.format),
          ...(effort !== undefined && { reasoning: { effort: effortShape.parse(effort), summary: 'auto' } }),
          ...(maxOutputTokens !== undefined && { max_output_tokens: maxOutputTokens }),
        },
        { signal: context.signal },
      ),
    )
    inputTokens += response.usage?.input_tokens ?? 0
    outputTokens += response.usage?.output_tokens ?? 0
    if (response.status === 'failed')
      throw new Error(`the model failed: ${response.error?.message ?? 'no reason given'}`)
    const calls = response.output.filter((item) => item.type === 'function_call')
    for (const item of response.output) {
      if (item.type === 'reasoning') summaries.push(...item.summary.map(({ text }) => text))
      if (item.type === 'reasoning' || item.type === 'function_call' || item.type === 'message') input.push(item)
    }
    if (calls.length === 0 || context.stepsLeft() === 0) {
      const reasoningSummary = summaries.join('\n')
      return {
        text: lastTextOf(response),
        inputTokens,
        outputTokens,
        ...(reasoningSummary !== '' && { reasoningSummary }),
      }
    }
    const outputs = await context.callTogether(
      calls.map(({ name, arguments: args }) => ({ tool: name, arguments: args })),
    )
    for (const [at, { call_id }] of calls.entries()) {
      input.push({ type: 'function_call_output', call_id, output: outputs[at] ?? '' })
    }
  }
}

/** The model's last message: its text, or its refusal. */
function lastTextOf({ output }: OpenAI.Responses.Response): string {
  const parts = output.flatMap((item) => (item.type === 'message' ? item.content : []))
  return parts.map((part) => (part.type === 'output_text' ? part.text : part.refusal)).join('')
}

const functionTool = ({ function: tool }: ToolDefinition): OpenAI.Responses.FunctionTool => ({
  ...{
    type: 'function',
    name: tool.name,
    parameters: tool.parameters ?? { type: 'object', properties: {} },
    strict: false,
  },
  ...(tool.description != null && { description: tool.description }),
})

function formatOf(format: unknown): { readonly text?: OpenAI.Responses.ResponseTextConfig } {
  const nested = jsonSchemaFormat.safeParse(format)
  const flat = nested.success ? nested.data.json_schema : flatFormat.safeParse(format).data
  if (flat === undefined) return {}
  const { name, schema, strict } = flat
  return { text: { format: { type: 'json_schema', name, schema, strict: strict ?? null } } }
}
