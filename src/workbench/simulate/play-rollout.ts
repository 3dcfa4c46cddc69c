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
import { agentRft } from './clients/agent-rft.ts'
import type { Graded, TrainerClient, TrainerWire } from './clients/trainer-wire.ts'
import { type Delivered, type DeliverySettings, NotDelivered } from './deliver.ts'
import type { CallTrace, RolloutTrace } from './trace.ts'

/** Where tools and graders are, and the limits of a rollout. */
export interface RolloutSettings extends DeliverySettings {
  /** The address of a tool. */
  readonly toolUrl: (tool: string) => string
  readonly graderUrl: string
  /** The protocol that the rollout is played over; by default Agent RFT. */
  readonly wire?: TrainerWire | undefined
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
  const id = `sim_${randomUUID()}`
  const startedAt = new Date()
  const began = performance.now()
  const calls: CallTrace[] = []
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  let steps = 0
  let discarded: string | undefined

  const callOne = async (client: TrainerClient, { tool, arguments: args }: WantedCall): Promise<string> => {
    const callId = `call_${randomUUID()}`
    const text = typeof args === 'string' ? args : stringifyExactly(args)
    try {
      const answer = await client.call({ callId, tool, arguments: text })
      const { status, text: output } = answer
      calls.push({ call_id: callId, tool, arguments: args, status, output, ...countsOf(answer) })
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

  const callTogether = async (client: TrainerClient, wanted: readonly WantedCall[]): Promise<readonly string[]> => {
    either.throwIfAborted()
    if (steps >= settings.maxSteps) throw new StepsUsedUp(`all ${settings.maxSteps} steps are used`)
    steps += 1
    if (client.isSequential !== true) return Promise.all(wanted.map((one) => callOne(client, one)))
    const outputs: string[] = []
    for (const one of wanted) outputs.push(await callOne(client, one))
    return outputs
  }

  const contextOf = (client: TrainerClient): AgentContext => ({
    messages: item.messages,
    question: textOf(item.messages.findLast(({ role }) => role === 'user')?.content),
    tools: toolsIn(item) ?? settings.tools,
    format: item['response_format'],
    random: place.random,
    stepsLeft: () => settings.maxSteps - steps,
    signal: either,
    call: async (tool, args) => (await callTogether(client, [{ tool, arguments: args }]))[0] ?? '',
    callTogether: (wanted) => callTogether(client, wanted),
  })

  const { wire = agentRft } = settings
  const opened = await orNotDelivered(wire({ id, item, index, settings, signal: either }))
  let answer: Answer = { text: '' }
  let graded: Graded | undefined
  if (opened instanceof NotDelivered) discarded = `the rollout could not begin: ${opened.errors.at(-1)}`
  else {
    const played = await playAgent(agent, contextOf(opened))
    answer = played.answer
    signal.throwIfAborted()
    // An unavailable model is not a wrong answer.
    if (played.failed !== undefined) discarded ??= `the agent failed: ${played.failed}`
    if (discarded === undefined) {
      const result = await orNotDelivered(opened.grade(answer, calls, signal))
      if (result instanceof NotDelivered) {
        discarded = `the grading was not answered: ${result.errors.at(-1)}`
        graded = { delivered: undelivered(result), reward: undefined }
      } else {
        graded = result
        const { delivered, reward } = graded
        if (reward === undefined) {
          discarded = `the grader answered ${delivered.status}${delivered.status === 200 ? ' without a score' : ''}`
        }
      }
    }
    await opened.close?.(signal)
  }
  const rollout = opened instanceof NotDelivered ? id : opened.rollout
  const { reward, delivered: grading } = graded ?? {}
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
    grading: grading === undefined ? null : { status: grading.status, ...countsOf(grading) },
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

/** Resolves with the error of a request that was not delivered; rejects with any other. */
const orNotDelivered = <Value>(work: Promise<Value>): Promise<Value | NotDelivered> =>
  work.catch((error: unknown) => {
    if (error instanceof NotDelivered) return error
    throw error
  })

function undelivered({ attempts, errors }: NotDelivered): Delivered {
  return { status: 0, text: '', headers: new Headers(), ms: 0, attempts, errors, repeats: 0, differences: 0 }
}
