import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { stringifyExactly } from '../../base/exact-json.ts'
import { runInPath } from '../../base/run-name.ts'
import type { Caller } from '../../core/calls/calls.ts'
import { RequestError } from '../../kit/errors.ts'
import { pathHere } from '../../runtime/outbound/addresses.ts'
import type { Outbound } from '../../runtime/outbound/outbound.ts'
import { OutboundError } from '../../runtime/outbound/outbound-error.ts'
import { toolCallBody } from '../agent-rft.ts'
import type { Access } from '../http.ts'

/** The body of `tool/run`: a tool call, and the address of the tool. */
export const toolRunBody = toolCallBody.extend({
  server_url: z.string().nullish(),
  headers: z.record(z.string(), z.string()).nullish(),
})

type ToolRunBody = z.infer<typeof toolRunBody>

/** What {@link runTool} needs. */
export interface ToolRunSettings {
  readonly call: Caller['call']
  readonly outbound: Pick<Outbound, 'post'>
  readonly access: Access
  /** The addresses at which this server is reachable. */
  readonly reachedAt: readonly string[]
}

/** The answer to a tool call; `rolloutId` and `replayed` are only set for tools of this server. */
export interface ToolRun {
  readonly answer: {
    readonly type: 'function_call_output'
    readonly call_id: string
    readonly id: string
    readonly output: string
  }
  readonly rolloutId?: string
  readonly replayed?: boolean
}

/**
 * Calls a tool by its `server_url`. An address of this server, or none, is served in-process like any other call, in the run that the
 * address names. Another
 * address is called through `outbound`, which refuses addresses that are not allowed, and the call is not recorded here.
 *
 * Throws a `RequestError`: 400 with a `param` for an address that is refused, 5xx for a server that failed.
 */
export async function runTool(settings: ToolRunSettings, body: ToolRunBody): Promise<ToolRun> {
  const { call, outbound, access, reachedAt } = settings
  const address = body.server_url ?? ''
  const here = address === '' ? '/tools' : pathHere(address, reachedAt)
  if (here === undefined) return runElsewhere(outbound, address, body)
  const { run: named, path } = runInPath(here) ?? { run: undefined, path: here }
  const by = { run: access.run(named), wire: 'openai', key: access.key }
  const tool = toolAt(path) ?? body.name
  if (tool === undefined) throw wrong('name', 'missing_name', 'the body has no "name"; say which tool is called')
  const { trace_id: rollout, call_id: callId, arguments: args, item } = body
  const request = { ...by, rolloutId: rollout, callId, tool, arguments: args, item }
  const { rolloutId, replayed, ...made } = await call(request)
  return { answer: answerOf(made.callId, body.id, made.output), rolloutId, replayed }
}

/** The tool that a path of this server names; undefined if the body names it. */
function toolAt(path: string): string | undefined {
  if (path === '/' || path === '/tools' || path === '/tools/') return undefined
  const name = /^\/tools\/([A-Za-z0-9_-]{1,64})\/?$/.exec(path)?.[1]
  if (name !== undefined) return name
  throw wrong('server_url', 'invalid_request', 'server_url: a tool of this server is at /tools/{name}')
}

async function runElsewhere(outbound: ToolRunSettings['outbound'], address: string, body: ToolRunBody) {
  const { server_url: _, headers, id, call_id = `call_${randomUUID()}`, ...rest } = body
  const sent = { type: 'function_call', id: id ?? `fc_${call_id}`, call_id, ...rest }
  const given = body.arguments
  const text = typeof given === 'string' ? given : stringifyExactly(given ?? {})
  const answered = await outbound
    .post(address, { ...sent, arguments: text }, { headers: headers ?? {} })
    .catch((error: unknown) => {
      throw error instanceof OutboundError ? failureOf(error) : error
    })
  const read = z.object({ output: z.string() }).safeParse(answered.json)
  if (read.success) return { answer: answerOf(call_id, sent.id, read.data.output) }
  throw new RequestError(500, 'tool_server_failed', 'the tool server answered without an "output" that is a string')
}

/** Translates another server's failure: one that a retry would not change is a 400, the rest is a 5xx. */
function failureOf({ reason, message, status = 0 }: OutboundError): RequestError {
  if (reason === 'refused') return wrong('server_url', 'server_url_refused', `server_url: ${message}`)
  if (reason === 'timed_out') return new RequestError(504, 'tool_server_timed_out', message)
  if (reason === 'status' && status < 500 && status !== 429) {
    return wrong('server_url', 'tool_server_refused', `the tool server refused the call: ${message}`)
  }
  return new RequestError(503, 'tool_server_failed', message)
}

const wrong = (param: string, code: string, message: string) =>
  new RequestError(400, code, message, { details: { param } })

const answerOf = (callId: string, id: string | undefined, output: string): ToolRun['answer'] => ({
  type: 'function_call_output',
  call_id: callId,
  id: id ?? `fc_${callId}`,
  output,
})
