import { z } from 'zod'
import type { Answer } from '../agent.ts'
import { type Delivered, deliver, NotDelivered } from '../deliver.ts'
import type { CallTrace } from '../trace.ts'
import { type Graded, parsed, type TrainerClient, type TrainerWire } from './trainer-wire.ts'

const verified = z.looseObject({ reward: z.number() })

/** Its client repeats a request without an answer for ever; a simulation ends some time. */
const manyTries = 30

/**
 * Plays a rollout as the `simple_agent` of NeMo Gym does: the row seeds a session, each answer's cookies replace the ones
 * before, one call at a time; a request without an answer is repeated with the same cookies, and a tool's answer is what the
 * model reads, whatever its status.
 *
 * @param base the address of the wire
 * @see https://github.com/NVIDIA-NeMo/Gym
 */
export const nemoGym = (base: string): TrainerWire => gymOf(base, { isKept: false, retries: manyTries })

/**
 * Plays a rollout as the `nemo_gym` taskset of verifiers does: it sends the cookies of the seed with every request, and
 * repeats none.
 *
 * @see https://github.com/PrimeIntellect-ai/verifiers
 */
export const verifiers =
  (base: string): TrainerWire =>
  (rollout) => {
    const settings = { ...rollout.settings, fault: () => undefined }
    return gymOf(base, { isKept: true, retries: 0 })({ ...rollout, settings })
  }

interface GymClient {
  /** Whether the cookies of the seed are kept. */
  readonly isKept: boolean
  readonly retries: number
}

const gymOf =
  (base: string, { isKept, retries }: GymClient): TrainerWire =>
  async ({ id, item, index, settings, signal }): Promise<TrainerClient> => {
    let cookies = ''
    const post = async (path: string, body: unknown, ending: AbortSignal): Promise<Delivered> => {
      const headers = cookies === '' ? settings.headers : { ...settings.headers, cookie: cookies }
      const policy = { retries, isRetried: () => false }
      const answer = await deliver(`${base}${path}`, body, { ...settings, headers }, ending, policy)
      if (cookies === '' || !isKept) cookies = cookiesOf(answer.headers)
      return answer
    }
    const { messages, tools = settings.tools, ...columns } = item
    const asked = { input: messages, tools, parallel_tool_calls: false }
    const row = {
      ...columns,
      messages,
      responses_create_params: asked,
      agent_ref: { type: 'responses_api_agents', name: 'simple_agent' },
      _ng_task_index: index,
    }
    const seeded = await post('/seed_session', row, signal)
    if (seeded.status !== 200) throw new NotDelivered([`http_${seeded.status}`])
    return {
      rollout: seeded.headers.get('x-rollout-id') ?? id,
      isSequential: true,
      call: ({ tool, arguments: text }) => post(`/${encodeURIComponent(tool)}`, parsed(text) ?? text, signal),
      async grade(answer, calls, ending): Promise<Graded> {
        const delivered = await post('/verify', { ...row, response: responseOf(answer, calls) }, ending)
        const read = verified.safeParse(parsed(delivered.text))
        return { delivered, reward: delivered.status === 200 && read.success ? read.data.reward : undefined }
      },
    }
  }

/** The cookies that an answer sets, as its client sends them back. */
export const cookiesOf = (headers: Headers): string =>
  headers
    .getSetCookie()
    .map((cookie) => cookie.split(';', 1)[0] ?? '')
    .join('; ')

/** A Responses object with the calls, their outputs and the answer in order. */
export function responseOf({ text }: Answer, calls: readonly CallTrace[]) {
  const made = calls.flatMap((call) => {
    const args = typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments)
    const { call_id, tool: name } = call
    return [
      { type: 'function_call', id: `fc_${call_id}`, call_id, name, arguments: args, status: 'completed' },
      { type: 'function_call_output', call_id, output: call.output },
    ]
  })
  const content = [{ type: 'output_text', text, annotations: [] }]
  const message = { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content }
  const about = { id: 'resp_1', object: 'response', created_at: 0, model: 'simulated', parallel_tool_calls: false }
  return { ...about, tool_choice: 'auto', tools: [], output: [...made, message] }
}
