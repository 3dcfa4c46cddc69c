import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { stringifyExactly } from '../../../base/exact-json.ts'
import type { Answer } from '../agent.ts'
import { deliver } from '../deliver.ts'
import type { CallTrace } from '../trace.ts'
import { type Graded, parsed, type TrainerClient, type TrainerWire } from './trainer-wire.ts'

const answerShape = z.looseObject({ output: z.string() })
const scoreShape = z.looseObject({ score: z.number() })

/** Plays a rollout over Agent RFT: the trainer names it, sends the item with each request, and retries with the same ids. */
export const agentRft: TrainerWire = async ({ id, item, settings, signal }): Promise<TrainerClient> => ({
  rollout: id,
  async call({ callId, tool, arguments: text }) {
    const ids = { id: `fc_${randomUUID()}`, call_id: callId, trace_id: id }
    const body = { type: 'function_call', ...ids, name: tool, arguments: text, item }
    return await deliver(settings.toolUrl(tool), body, settings, signal, { textOf: outputOf })
  },
  grade: (answer, calls, ending) => gradeByAgentRft({ id, item, settings, signal: ending }, answer, calls),
})

/** What the model reads of an answer: the output, or the whole body where it has none. */
const outputOf = (answer: string) => answerShape.safeParse(parsed(answer)).data?.output ?? answer

/** Asks for a score over Agent RFT, which is how rollouts of wires without gradings are graded too. */
export async function gradeByAgentRft(
  { id, item, settings, signal }: Pick<Parameters<TrainerWire>[0], 'id' | 'item' | 'settings' | 'signal'>,
  answer: Answer,
  calls: readonly CallTrace[],
): Promise<Graded> {
  const body = { sample: sampleOf(answer, calls, item['response_format']), item, trace_id: id }
  const delivered = await deliver(settings.graderUrl, body, settings, signal)
  const read = scoreShape.safeParse(parsed(delivered.text))
  return { delivered, reward: delivered.status === 200 && read.success ? read.data.score : undefined }
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
