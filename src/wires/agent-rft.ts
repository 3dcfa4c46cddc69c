import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { contentHash } from '../base/json.ts'
import { storable } from '../base/text.ts'
import type { Caller } from '../core/calls/calls.ts'
import type { Grading } from '../core/grading/grading.ts'
import type { Sessions } from '../core/sessions.ts'
import { RequestError } from '../kit/errors.ts'
import type { TakenChunks } from './chunks.ts'
import type { ErrorResponder } from './error-response.ts'
import { type Access, headerValue, jsonAnswer, jsonType, onlyBy, type PlainAnswer, responseOf } from './http.ts'
import type { KnownItems } from './known-items.ts'
import { type BodyLimits, parseBodyWithItem, readChunks, turnOf } from './read-body.ts'
import { sampleBody } from './sample.ts'

/** The most UTF-16 units of an id and of a name: two ids and more must fit into one row of an index. */
const longestName = 256

const tooManyDigits = 'has more digits than a number keeps; send it as a string'

/**
 * Trainers leave ids out or send them empty or null, and some send numbers. A number that JavaScript rounds is refused,
 * because two rollouts would become one.
 */
const id = z
  .union(
    [
      z.string().max(longestName),
      z.number().refine(Number.isSafeInteger, tooManyDigits),
      z.bigint().refine(() => false, tooManyDigits),
    ],
    `must be a string of at most ${longestName} characters`,
  )
  .nullish()
  .transform((value) => (value === undefined || value === null || value === '' ? undefined : String(value)))

const item = z
  .unknown()
  .optional()
  .transform((item) => item ?? {})

/** The name of this protocol in the ledger. */
const wireName = 'agent-rft'

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

/** The body of a grading. */
export const gradingBody = z.object({ sample: sampleBody, item, trace_id: id })

/** What a tool call belongs to, as its address and its key say. */
export interface AddressedCall {
  readonly run: string
  readonly key: string
  /** The name of the tool in the address; undefined if the body has it. */
  readonly name: string | undefined
}

/** Answers a tool call whose body has arrived; throws a `RequestError`. */
export type ToolCallAddress = (body: TakenChunks, to: AddressedCall) => Promise<PlainAnswer>

/** How the errors of tool calls are answered. */
export const toolErrors = { forModel: true } as const

/** Creates what is behind the addresses of tool calls, whichever way a request comes in. */
export function createToolCallAddress(
  settings: Pick<BodyLimits, 'turns'> & { readonly items: KnownItems; readonly call: Caller['call'] },
): ToolCallAddress {
  return async (chunks, { run, key, name }) => {
    const { body, itemHash } = await parseBodyWithItem(chunks, toolCallBody, settings, plainToolCall)
    const tool = name ?? body.name ?? ''
    if (tool === '') {
      const message = 'the body has no "name"; say which tool is called, or POST /tools/{name}'
      throw new RequestError(400, 'missing_name', message)
    }
    const answer = await settings.call({
      run,
      wire: wireName,
      key,
      rolloutId: body.trace_id,
      callId: body.call_id,
      tool,
      arguments: body.arguments,
      item: body.item,
      itemHash,
    })
    const { callId, outcome, output } = answer
    const told = { type: 'function_call_output', call_id: callId, id: body.id ?? `fc_${callId}`, output }
    const headers: Record<string, string> = {
      ...jsonType,
      'x-rollout-id': headerValue(answer.rolloutId),
      'x-outcome': outcome,
    }
    if (answer.replayed) headers['x-replayed'] = 'true'
    return { status: 200, headers, body: JSON.stringify(told) }
  }
}

/** Reads a call as {@link toolCallBody} does, in less time, if its ids and its arguments are strings, as trainers send them. */
export function plainToolCall(value: unknown): z.output<typeof toolCallBody> | undefined {
  if (!isFields(value)) return undefined
  const { id, call_id, name, trace_id, arguments: args, item } = value
  if (!isPlainId(id) || !isPlainId(call_id) || !isPlainId(name) || !isPlainId(trace_id)) return undefined
  if (typeof args !== 'string' || typeof item !== 'object' || item === null) return undefined
  return { id, call_id, name, trace_id, arguments: args, item }
}

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

const isPlainId = (id: unknown): id is string | undefined =>
  id === undefined || (typeof id === 'string' && id !== '' && id.length <= longestName)

/** What this wire needs. */
export interface AgentRftSettings extends BodyLimits {
  readonly items: KnownItems
  readonly answerCall: ToolCallAddress
  readonly grade: Grading['grade']
  readonly sessions: Pick<Sessions, 'find' | 'end'>
  /** Throws unless the caller has one of the scopes, and may use the run that the request names. */
  readonly allow: (request: Request, ...anyOf: readonly ('tools' | 'grade')[]) => Promise<Access>
  readonly respond: ErrorResponder
}

/**
 * The wire of Agent RFT: `POST /tools/{name}` and `POST /tools`, `POST /graders/{name}` and `POST /grade`. In addition, a
 * trainer that has finished with a rollout may end it: `POST /rollouts/{id}/end`.
 */
export function agentRft(settings: AgentRftSettings): Hono {
  const { answerCall, grade, sessions, allow, respond } = settings
  const app = new Hono()
  app.onError((error, c) => respond(c, error, { ...(/(^|\/)tools(\/|$)/.test(c.req.path) && toolErrors) }))

  app.on('POST', ['/tools', '/tools/:name'], async (c) => {
    const access = await allow(c.req.raw, 'tools')
    const run = access.run()
    const body = await readChunks(c, settings)
    return responseOf(await answerCall(body, { run, key: access.key, name: nameIn(c) }))
  })

  app.on('POST', ['/grade', '/graders/:name'], async (c) => {
    const access = await allow(c.req.raw, 'grade')
    const run = access.run()
    const { body, itemHash } = await parseBodyWithItem(await readChunks(c, settings), gradingBody, settings)
    const { sample, item, trace_id: rolloutId } = body
    const sampleHash = contentHash(sample)
    await turnOf(c, settings)
    const graded = await grade({
      run,
      wire: wireName,
      key: access.key,
      rolloutId,
      grader: nameIn(c),
      sample,
      item,
      itemHash,
      sampleHash,
    })
    return jsonAnswer({ score: graded.score }, { 'x-rollout-id': headerValue(graded.rolloutId) })
  })

  app.post('/rollouts/:id/end', async (c) => {
    const run = (await allow(c.req.raw, 'tools', 'grade')).run()
    const rolloutId = storable(c.req.param('id'))
    const found = await sessions.find({ run, rolloutId })
    if (found === undefined) {
      throw new RequestError(404, 'unknown_rollout', `the run "${run}" has no rollout with this id`)
    }
    await sessions.end(found)
    return jsonAnswer({ ended: true }, { 'x-rollout-id': headerValue(rolloutId) })
  })

  app.all('/tools', onlyBy('GET, HEAD, POST'))
  for (const path of ['/tools/:name', '/grade', '/graders/:name', '/rollouts/:id/end']) app.all(path, onlyBy('POST'))

  return app
}

/** The name in the address, in which U+0000 may be encoded; undefined if it has none. */
function nameIn(c: Context): string | undefined {
  const name = c.req.param('name')
  if (name === undefined || name.length <= longestName) return name && storable(name)
  throw new RequestError(400, 'invalid_request', `the name in the address has more than ${longestName} characters`)
}
