import { type Context, Hono } from 'hono'
import { z } from 'zod'
import type { Caller } from '../calls.ts'
import { RequestError } from '../errors.ts'
import type { Grading } from '../grading.ts'
import { storable } from '../json.ts'
import type { ErrorResponder } from './error-response.ts'
import { readBody } from './read-body.ts'

/** Trainers leave ids out, send them empty or null, and some send numbers. */
const id = z
  .union([z.string().max(256), z.number()], 'must be a string of at most 256 characters')
  .nullish()
  .transform((value) => (value === undefined || value === null || value === '' ? undefined : String(value)))

const item = z
  .unknown()
  .optional()
  .transform((item) => item ?? {})

/** The body of a tool call; `arguments` is JSON text or a value, `item` the whole dataset row. */
export const toolCallBody = z.object({
  id,
  call_id: id,
  name: id,
  trace_id: id,
  arguments: z
    .union([z.string(), z.record(z.string(), z.unknown())], 'must be JSON as a string, or an object')
    .nullish(),
  item,
})

/** The body of a grading; of `sample` only `output_text` is always there, and that may be null. */
export const gradingBody = z.object({
  sample: z.looseObject({
    output_text: z
      .string()
      .nullish()
      .transform((text) => text ?? ''),
    output_tools: z
      .array(z.unknown())
      .nullish()
      .transform((tools) => tools ?? []),
    choices: z
      .array(z.unknown())
      .nullish()
      .transform((choices) => choices ?? []),
  }),
  item,
  trace_id: id,
})

/** What this protocol is served with. */
export interface AgentRftSettings {
  readonly call: Caller['call']
  readonly grade: Grading['grade']
  /** Lets a request pass that may use the scope, or throws. */
  readonly allow: (request: Request, scope: 'tools' | 'grade') => Promise<void>
  readonly respond: ErrorResponder
  readonly maxBodyBytes: number
}

/** The wire of Agent RFT: `POST /tools/{name}` and `POST /tools`, `POST /graders/{name}` and `POST /grade`. */
export function agentRft({ call, grade, allow, respond, maxBodyBytes }: AgentRftSettings): Hono {
  const app = new Hono()
  app.onError((error, c) => respond(c, error, { forModel: c.req.path.startsWith('/tools') }))

  app.on('POST', ['/tools', '/tools/:name'], async (c) => {
    await allow(c.req.raw, 'tools')
    const body = await readBody(c, toolCallBody, maxBodyBytes)
    // An address may spell a U+0000, which no body can that was read.
    const tool = storable(c.req.param('name') ?? body.name ?? '')
    if (tool === '') {
      throw new RequestError(
        400,
        'missing_name',
        'the body has no "name"; say which tool is called, or POST /tools/{name}',
      )
    }
    const request = { rolloutId: body.trace_id, callId: body.call_id, tool, arguments: body.arguments, item: body.item }
    const answer = await call(request)
    c.header('x-rollout-id', headerValue(answer.rolloutId))
    if (answer.replayed) c.header('x-replayed', 'true')
    const { callId, output } = answer
    return c.json({ type: 'function_call_output', call_id: callId, id: body.id ?? `fc_${callId}`, output })
  })

  app.on('POST', ['/grade', '/graders/:name'], async (c) => {
    await allow(c.req.raw, 'grade')
    const { sample, item, trace_id: rolloutId } = await readBody(c, gradingBody, maxBodyBytes)
    const graded = await grade({ rolloutId, grader: c.req.param('name'), sample, item })
    c.header('x-rollout-id', headerValue(graded.rolloutId))
    return c.json({ score: graded.score })
  })

  app.all('/tools', (c) => onlyBy(c, 'GET, POST'))
  for (const path of ['/tools/:name', '/grade', '/graders/:name']) app.all(path, (c) => onlyBy(c, 'POST'))

  return app
}

function onlyBy(c: Context, methods: string): never {
  c.header('allow', methods)
  throw new RequestError(405, 'method_not_allowed', `this address is called by ${methods}, not by ${c.req.method}`)
}

/** An id as a header may carry it: ids of the trainer's may hold anything. */
const headerValue = (text: string) => (/^[\x21-\x7e]+$/.test(text) ? text : encodeURIComponent(text))
