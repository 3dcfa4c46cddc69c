import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AddressedCall, type ToolCallAddress, toolErrors } from '../../wires/agent-rft.ts'
import type { ErrorAnswers } from '../../wires/error-response.ts'
import type { Access, HeaderReader, PlainAnswer } from '../../wires/http.ts'
import { receiveBody } from '../../wires/read-body.ts'
import type { Caller } from './access.ts'
import type { Admission } from './admission.ts'
import type { RequestObserver } from './observed-requests.ts'

/** What the app gives to answer tool calls: the same as behind its routes. */
export interface CallServices {
  readonly allow: (caller: Caller, ...anyOf: readonly 'tools'[]) => Promise<Access>
  readonly answerCall: ToolCallAddress
  readonly refuse: ErrorAnswers
  readonly maxBodyBytes: number
}

/** Answers a request if it is a tool call of the usual form; otherwise returns false and leaves the request untouched. */
export type DirectCalls = (request: IncomingMessage, response: ServerResponse) => boolean

/**
 * Creates the short way for tool calls, from Node's request to the verb. A call costs a tenth less than by the app's routes,
 * which need a `Request`, a `Response` and Hono's context for each. Requests that are unusual in any way take the routes, and
 * so do all while the server is at capacity.
 */
export function createDirectCalls(
  { allow, answerCall, refuse, maxBodyBytes }: CallServices,
  admission: Pick<Admission, 'enter'>,
  observer: RequestObserver | undefined,
): DirectCalls {
  const answer = async (
    request: IncomingMessage,
    { path, name }: UsualCall,
    leave: () => void,
  ): Promise<PlainAnswer> => {
    try {
      const caller = { query: '', path: () => path, headers: headersOf(request) }
      const access = await allow(caller, 'tools')
      const to: AddressedCall = { run: access.run(), key: access.key, name }
      return await answerCall(await receiveBody(request), to)
    } catch (error) {
      return refuse({ method: 'POST', path }, error, toolErrors)
    } finally {
      leave()
    }
  }

  return (request, response) => {
    const call = usualCall(request, maxBodyBytes)
    const leave = call && admission.enter(call.bytes)
    if (call === undefined || leave === undefined) return false
    const began = performance.now()
    observer?.began()
    const send = ({ status, headers, body }: PlainAnswer) => {
      if (observer !== undefined) {
        const { url, path } = call
        const seconds = (performance.now() - began) / 1_000
        observer.answered(url, status, seconds)
        observer.access?.({ method: 'POST', path, status, seconds, rollout: headers['x-rollout-id'] })
      }
      response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
    }
    // A request that cannot be answered must not hang.
    answer(request, call, leave)
      .then(send)
      .catch(() => void response.destroy())
    return true
  }
}

interface UsualCall {
  readonly url: string
  readonly path: string
  readonly name: string | undefined
  /** The length of the body. */
  readonly bytes: number
}

/** No escapes, no dots and no query: what any reader of addresses reads alike. */
const usualPath = /^(?:\/runs\/[\w-]{1,100})?(?:\/agent-rft)?\/tools(?:\/([\w-]{1,64}))?$/
const usualHost = /^[a-z0-9.-]+(?::(?:[1-9]\d{3}|[1-5]\d{4}))?$/

function usualCall(request: IncomingMessage, maxBodyBytes: number): UsualCall | undefined {
  const { method, url: path = '', headers, rawHeaders, httpVersionMinor } = request
  if (method !== 'POST' || httpVersionMinor === 0) return undefined
  const address = usualPath.exec(path)
  const { host = '', 'content-length': length } = headers
  if (address === null || !usualHost.test(host) || length === undefined) return undefined
  const bytes = Number(length)
  if (bytes > maxBodyBytes || headers['transfer-encoding'] !== undefined) return undefined
  if (headers['content-encoding'] !== undefined) return undefined
  // Of a field that is sent twice, Node keeps one value and Fetch both.
  let fields = 0
  for (const _ in headers) fields += 1
  if (fields * 2 !== rawHeaders.length) return undefined
  return { url: `http://${host}${path}`, path, name: address[1], bytes }
}

function headersOf({ headers }: IncomingMessage): HeaderReader {
  return {
    get(name) {
      const value = headers[name]
      return typeof value === 'string' ? value : null
    },
  }
}
