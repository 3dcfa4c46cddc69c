import type { Hono } from 'hono'
import { z } from 'zod'

const errorAnswer = z.strictObject({
  error: z.strictObject({ code: z.string().min(1), message: z.string().min(1) }),
  output: z.string().optional(),
})

/** The body that each status may have, at any address. */
const documented = {
  ok: z.union([
    z.strictObject({
      type: z.literal('function_call_output'),
      call_id: z.string(),
      id: z.string(),
      output: z.string(),
    }),
    z.strictObject({ score: z.number() }),
    z.strictObject({ status: z.enum(['ok', 'ready']) }),
    z.array(z.strictObject({ type: z.literal('function'), function: z.looseObject({ name: z.string() }) })),
    z.looseObject({ openapi: z.literal('3.1.0') }),
  ]),
  fault: errorAnswer,
}

/** An answer as it came over the wire. */
export interface Answer {
  readonly status: number
  readonly text: string
  readonly rollout: string | null
}

/** Sends a request and checks that the answer is not a failure and has a documented shape. */
export async function ask(app: Pick<Hono, 'request'>, path: string, request: RequestInit): Promise<Answer> {
  const response = await app.request(path, request)
  const { status } = response
  const text = await response.text()
  const description = () => `${request.method} ${path}: ${status} ${text.slice(0, 500)}`
  // Two invented requests may name one rollout with two items.
  const isMixedUp = status === 500 && text.includes('"rollout_has_another_item"')
  if (status >= 500 && !isMixedUp) throw new Error(description())
  if (request.method === 'HEAD') return { status, text, rollout: null }
  if (status === 204 && response.headers.has('allow') && text === '') return { status, text, rollout: null }
  const body: unknown = JSON.parse(text)
  if (!(status === 200 ? documented.ok : documented.fault).safeParse(body).success) throw new Error(description())
  if (!stringsOf(body).every((one) => one.isWellFormed() && !one.includes('\u0000'))) throw new Error(description())
  if (!(response.headers.get('content-type') ?? '').startsWith('application/json')) throw new Error(description())
  return { status, text, rollout: response.headers.get('x-rollout-id') }
}

function stringsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [String(value)]
  return [...Object.keys(value), ...Object.values(value).flatMap(stringsOf)]
}
