import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { stringifyExactly } from '../../base/exact-json.ts'
import { contentHash } from '../../base/json.ts'
import { estimateTokens } from '../../kit/scoring/conduct/output-length.ts'
import {
  type Agent,
  type AgentContext,
  type Answer,
  type DatasetItem,
  type ToolDefinition,
  textOf,
  toolDefinition,
  type WantedCall,
} from './agent.ts'
import { type Delivered, type DeliverySettings, deliver, NotDelivered } from './deliver.ts'
import type { CallTrace, RolloutTrace } from './trace.ts'

/** Where tools and graders are, and the limits of a rollout. */
export interface RolloutSettings extends DeliverySettings {
  /** The address of a tool. */
  readonly toolUrl: (tool: string) => string
  readonly graderUrl: string
  /** The run that the headers or the addresses name, for the trace. */
  readonly run?: string
  /** The tools of items that define none. */
  readonly tools: readonly ToolDefinition[]
  /** How many steps an agent may take: a step is one call, or several together. */
  readonly maxSteps: number
}

/** Which rollout to play. */
export interface RolloutPlace {
  readonly agent: Agent
  readonly item: DatasetItem
  /** The item's place in the dataset, from 0. */
  readonly index: number
  /** The rollout's place in the item's group, from 0. */
  readonly member: number
  readonly random: () => number
}

/** Ends an agent that has used its last step: the trainer grades the rollout as it is. */
class StepsUsedUp extends Error {}

const answerShape = z.looseObject({ output: z.string() })
const scoreShape = z.looseObject({ score: z.number() })

/**
 * Plays one rollout as a trainer does: the agent's calls, each retried with the same ids, then the grading. If one of them is
 * not answered, or the agent fails, the rollout is discarded, which is not a reward of 0. An agent without steps left ends
 * with an empty answer, which is graded.
 *
 * @throws the signal's reason when that aborts.
 */
export async function playRollout(
  settings: RolloutSettings,
  place: RolloutPlace,
  signal: AbortSignal,
): Promise<RolloutTrace> {
  const { agent, item, index, member } = place
  const rollout = `sim_${randomUUID()}`
  const startedAt = new Date()
  const began = performance.now()
  const calls: CallTrace[] = []
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  let steps = 0
  let discarded: string | undefined

  const callOne = async ({ tool, arguments: args }: WantedCall): Promise<string> => {
    const callId = `call_${randomUUID()}`
    const text = typeof args === 'string' ? args : stringifyExactly(args)
    const ids = { id: `fc_${randomUUID()}`, call_id: callId, trace_id: rollout }
    const body = { type: 'function_call', ...ids, name: tool, arguments: text, item }
    try {
      const answer = await deliver(settings.toolUrl(tool), body, settings, either)
      const output = outputOf(answer)
      calls.push({ call_id: callId, tool, arguments: args, status: answer.status, output, ...countsOf(answer) })
      return output
    } catch (error) {
      if (error instanceof NotDelivered) {
        const { attempts, errors } = error
        const none = { status: 0, output: '', ms: 0, repeats: 0, differences: 0 }
        calls.push({ call_id: callId, tool, arguments: args, ...none, attempts, errors: [...errors] })
        discarded ??= `a call of "${tool}" was not answered: ${errors.at(-1)}`
        over.abort(error)
      }
      throw error
    }
  }

  const callTogether = async (wanted: readonly WantedCall[]): Promise<readonly string[]> => {
    either.throwIfAborted()
    if (steps >= settings.maxSteps) throw new StepsUsedUp(`all ${settings.maxSteps} steps are used`)
    steps += 1
    return Promise.all(wanted.map(callOne))
  }

  const context: AgentContext = {
    messages: item.messages,
    question: textOf(item.messages.findLast(({ role }) => role === 'user')?.content),
    tools: toolsIn(item) ?? settings.tools,
    format: item['response_format'],
    random: place.random,
    stepsLeft: () => settings.maxSteps - steps,
    signal: either,
    call: async (tool, args) => (await callTogether([{ tool, arguments: args }]))[0] ?? '',
    callTogether,
  }

  const { answer, failed } = await playAgent(agent, context)
  signal.throwIfAborted()
  // An unavailable model is not a wrong answer.
  if (failed !== undefined) discarded ??= `the agent failed: ${failed}`
  let graded: Delivered | undefined
  let reward: number | undefined
  if (discarded === undefined) {
    const body = { sample: sampleOf(answer, calls, context.format), item, trace_id: rollout }
    try {
      graded = await deliver(settings.graderUrl, body, settings, signal)
      const read = scoreShape.safeParse(parsed(graded.text))
      if (graded.status === 200 && read.success) reward = read.data.score
      else discarded = `the grader answered ${graded.status}${graded.status === 200 ? ' without a score' : ''}`
    } catch (error) {
      if (!(error instanceof NotDelivered)) throw error
      discarded = `the grading was not answered: ${error.errors.at(-1)}`
      graded = {
        status: 0,
        text: '',
        ms: 0,
        attempts: error.attempts,
        errors: error.errors,
        repeats: 0,
        differences: 0,
      }
    }
  }
  return {
    rollout,
    ...(settings.run !== undefined && { run: settings.run }),
    agent: agent.name,
    item: index,
    item_hash: contentHash(item),
    member,
    outcome: reward === undefined ? 'discarded' : 'scored',
    reward: reward ?? null,
    discarded: discarded ?? null,
    output_text: answer.text,
    output_tokens: answer.outputTokens ?? estimateTokens(answer.text),
    input_tokens: answer.inputTokens ?? 0,
    steps,
    calls,
    grading: graded === undefined ? null : { status: graded.status, ...countsOf(graded) },
    started_at: startedAt.toISOString(),
    ms: performance.now() - began,
  }
}

const toolsIn = (item: DatasetItem) => z.array(toolDefinition).min(1).safeParse(item['tools']).data

async function playAgent(agent: Agent, context: AgentContext): Promise<{ answer: Answer; failed?: string }> {
  try {
    const answer = await agent.play(context)
    return { answer: typeof answer === 'string' ? { text: answer } : answer }
  } catch (error) {
    if (error instanceof StepsUsedUp) return { answer: { text: '' } }
    return { answer: { text: '' }, failed: error instanceof Error ? error.message : String(error) }
  }
}

const countsOf = ({ ms, attempts, errors, repeats, differences }: Delivered) => {
  return { ms, attempts, errors: [...errors], repeats, differences }
}

/** What the model would read: the tool's output, or the whole body where it has none. */
function outputOf({ text }: Delivered): string {
  const read = answerShape.safeParse(parsed(text))
  return read.success ? read.data.output : text
}

/** A text read as JSON; undefined where it is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The sample of a grading, as a trainer sends it; `format` is the item's `response_format`. */
function sampleOf({ text, reasoningSummary }: Answer, calls: readonly CallTrace[], format: unknown) {
  const tools = calls.map((call) => {
    const args = typeof call.arguments === 'string' ? call.arguments : stringifyExactly(call.arguments)
    return { id: call.call_id, type: 'function', function: { name: call.tool, arguments: args } }
  })
  const message = { role: 'assistant', content: text, tool_calls: [] }
  return {
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    output_text: text,
    output_json: format === undefined || format === null ? null : (parsed(text) ?? null),
    output_tools: tools,
    output_reasoning_summary: reasoningSummary ?? null,
  }
}
