import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { contentHash } from '../../base/json.ts'
import type { WireDeps } from '../wire.ts'
import { type FunctionCall, functionCalls, isIncomplete, verifyBody } from './response.ts'
import type { Rollouts } from './rollouts.ts'
import { rowBody } from './row.ts'
import type { Session } from './session.ts'

const stepBody = verifyBody.extend({ _ng_step_request_id: z.string().max(1_000).nullish() })

/** What a step answers: the outputs of the model's tool calls, or the reward of its answer. */
interface Step {
  readonly observation: null
  readonly reward: number
  readonly terminated: boolean
  readonly truncated: boolean
  readonly info: Readonly<Record<string, unknown>>
}

/** Answers a call of a tool that has the name of an address. */
export type CallTool = (c: Context, tool: string, args: unknown) => Promise<Response>

/**
 * Adds the addresses of Gymnasium agents to a mount: `/reset` begins a rollout, each `/step` takes a response of the model,
 * and `/close` ends the rollout. A step makes the response's tool calls in order; a response without any is graded.
 */
export function addGymnasium(
  app: Hono,
  rollouts: Rollouts,
  { allow }: Pick<WireDeps, 'allow'>,
  callTool: CallTool,
): void {
  app.post('/reset', async (c) => {
    const access = await allow(c.req.raw, 'tools')
    const read = await rollouts.read(c, rowBody)
    if (!read.fits) return await callTool(c, 'reset', read.body)
    await rollouts.begin(c, access, read.body, 'steps')
    return c.json({ observation: null, info: { supports_step_idempotency: true, supports_explicit_close: true } })
  })

  app.post('/step', async (c) => {
    const access = await allow(c.req.raw, 'tools')
    const read = await rollouts.read(c, stepBody, 'responses')
    if (!read.fits) return await callTool(c, 'step', read.body)
    const { body } = read
    const session = await rollouts.session(c, access)
    const calls = isIncomplete(body.response) ? [] : functionCalls(body.response)
    if (calls.length === 0) {
      const { score, parts } = await rollouts.grade(c, await allow(c.req.raw, 'grade'), session, body)
      const isCut = isIncomplete(body.response)
      const info = parts === null ? {} : { reward_components: parts }
      const last: Step = { observation: null, reward: score, terminated: !isCut, truncated: isCut, info }
      return c.json(last)
    }
    const outputs: { readonly call_id: string; readonly output: string }[] = []
    for (const [place, call] of calls.entries()) {
      const callId = stepCallId(session, body._ng_step_request_id, place)
      const { output } = await rollouts.call(c, access, session, { ...callOf(call), callId })
      outputs.push({ call_id: call.call_id, output })
    }
    const info = { tool_outputs: outputs }
    const step: Step = { observation: null, reward: 0, terminated: false, truncated: false, info }
    return c.json(step)
  })

  app.post('/close', async (c) => {
    const access = await allow(c.req.raw, 'tools')
    const session = await rollouts.session(c, access)
    if (session.protocol === 'tools') {
      const read = await rollouts.read(c, z.never())
      return await callTool(c, 'close', read.body)
    }
    await rollouts.end(session)
    return c.json({})
  })
}

const callOf = ({ name: tool, arguments: args }: FunctionCall) => ({ tool, arguments: args })

/** The id of a call in a step. A repeated step has the same, whatever ids the model gave its calls. */
function stepCallId({ answered }: Session, requestId: string | null | undefined, place: number): string {
  const step = requestId ? contentHash(requestId).slice(0, 32) : `after_${answered}`
  return `step_${step}_${place}`
}
