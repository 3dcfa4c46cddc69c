import { z } from 'zod'
import type { Sample } from '../../kit/define-grader.ts'
import { rowBody } from './row.ts'

/** The model's response, in the shape of the Responses API. */
const response = z.looseObject({ output: z.array(z.unknown()) })

export type Response = z.infer<typeof response>

/** The body of a verification: a row and the model's whole response. */
export const verifyBody = rowBody.extend({ response })

export type VerifiedRow = z.infer<typeof verifyBody>

const part = z.object({ type: z.literal('output_text'), text: z.string() }).transform(({ text }) => text)
const content = z.union([
  z.string(),
  // A refusal, for example, has no text.
  z.array(z.union([part, z.unknown().transform(() => '')])).transform((parts) => parts.join('')),
])
const answer = z.object({ type: z.literal('message').default('message'), role: z.literal('assistant'), content })

const functionCall = z.object({
  type: z.literal('function_call'),
  call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
})

const outputParts = z.array(z.looseObject({ text: z.string().default('') }))
const functionOutput = z.object({
  type: z.literal('function_call_output'),
  output: z.union([z.string(), outputParts]),
})

const summary = z.object({ type: z.literal('reasoning'), summary: z.array(z.object({ text: z.string() })) })

/** The items of a response that fit a schema, in order. */
function itemsOf<Item>({ output }: Response, schema: z.ZodType<Item>): readonly Item[] {
  return output.map((one) => schema.safeParse(one)).flatMap(({ data }) => (data === undefined ? [] : [data]))
}

/** A tool call in a model's response. */
export type FunctionCall = z.infer<typeof functionCall>

/** The tool calls of a response in order. */
export const functionCalls = (response: Response): readonly FunctionCall[] => itemsOf(response, functionCall)

/** Whether the model stopped before its end: at its limit of tokens, for example. */
export const isIncomplete = ({ incomplete_details: why }: Response): boolean => why !== undefined && why !== null

/** Clients of a tool server name a tool `mcp__SERVER__TOOL`. */
const prefix = /^mcp__.+?__(?=.)/

/**
 * The sample that a response is: the text of its last assistant message, and all its tool calls in the shape of chat
 * completions.
 *
 * @param isJson whether the text should be JSON, which `output_json` then holds
 */
export function sampleOf(response: Response, isJson: boolean): Sample {
  const text = itemsOf(response, answer).at(-1)?.content ?? ''
  const tools = functionCalls(response).map(({ call_id: id, name, arguments: args }) => {
    return { id, type: 'function', function: { name: name.replace(prefix, ''), arguments: args } }
  })
  const thoughts = itemsOf(response, summary).flatMap((item) => item.summary.map((one) => one.text))
  const message = { role: 'assistant', content: text, tool_calls: [] }
  return {
    choices: [{ index: 0, message, finish_reason: isIncomplete(response) ? 'length' : 'stop' }],
    output_text: text,
    output_json: isJson ? parsed(text) : null,
    output_tools: tools,
    output_reasoning_summary: thoughts.length === 0 ? null : thoughts.join('\n'),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const jsonFormat = z.object({ text: z.object({ format: z.object({ type: z.enum(['json_schema', 'json_object']) }) }) })

/** Whether the parameters of a request ask the model for JSON. */
export const asksForJson = (params: unknown): boolean => jsonFormat.safeParse(params).success

/** In every error's body: the client shows it to the model as the output of its call, and sends it back to be verified. */
export const failureMark = { from: 'scorekeeper' } as const

const failure = z.union([
  z.object({ error: z.object({ code: z.string() }), from: z.literal(failureMark.from) }),
  // Of a server with too many requests in flight, which answers before it knows the address.
  z.object({ error: z.object({ code: z.literal('overloaded'), type: z.literal('server_error') }) }),
])

/**
 * The code of an error that this server answered to a tool call, and that the model read as the call's output; undefined if
 * it read none. The client does not repeat such a call, and a score would be for our failure.
 */
export function failureRead(response: Response): string | undefined {
  const failures = itemsOf(response, functionOutput)
    .flatMap(({ output }) => textsOf(output))
    .filter((text) => text.startsWith('{"error":'))
    .map((text) => failure.safeParse(parsed(text)))
  return failures.find(({ success }) => success)?.data?.error.code
}

/** The texts of a call's output, which may be in parts; some clients send the parts as JSON text. */
function textsOf(output: string | z.infer<typeof outputParts>): readonly string[] {
  if (typeof output !== 'string') return output.map(({ text }) => text)
  const parts = output.startsWith('[{') ? outputParts.safeParse(parsed(output)).data : undefined
  return parts?.map(({ text }) => text) ?? [output]
}
