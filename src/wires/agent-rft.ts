import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { storable } from '../base/json.ts'
import type { Caller } from '../core/calls.ts'
import type { Grading } from '../core/grading.ts'
import { RequestError } from '../kit/errors.ts'
import type { ErrorResponder } from './error-response.ts'
import { readBody } from './read-body.ts'

/** The most UTF-16 units of an id and of a name: two ids and more must fit into one row of an index. */
const longestName = 256

/**
 * Trainers leave ids out, send them empty or null, and some send numbers. A number that JavaScript rounds is refused:
 * two rollouts would be one.
 */
const id = z
  .union(
    [
      z.string().max(longestName),
      z.number().refine(Number.isSafeInteger, 'has more digits than a number keeps; send it as a string'),
    ],
    `must be a string of at most ${longestName} characters`,
  )
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

/**
 * The body of a grading; of `sample` only `output_text` is always there. It is null or empty when the model said nothing;
 * where it is missing nobody knows what the model said, and a score would be one of something else.
 */
export const gradingBody = z.object({
  sample: z.looseObject({
    output_text: z
      .string('must be there, a string or null')
      .nullable()
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
    const tool = nameIn(c) ?? body.name ?? ''
    if (tool === '') {
      const message = 'the body has no "name"; say which tool is called, or POST /tools/{name}'
      throw new RequestError(400, 'missing_name', message)
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
    const graded = await grade({ rolloutId, grader: nameIn(c), sample, item })
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

/** The name in the address, which may spell a U+0000 as no body can that was read; undefined where it has none. */
function nameIn(c: Context): string | undefined {
  const name = c.req.param('name')
  if (name === undefined || name.length <= longestName) return name && storable(name)
  throw new RequestError(400, 'invalid_request', `the name in the address has more than ${longestName} characters`)
}

/** An id as a header may carry it, percent-encoded where it must be: ids of the trainer's may hold anything. */
export const headerValue = (text: string) => (/^[\x21-\x24\x26-\x7e]+$/.test(text) ? text : encodeURIComponent(text))
