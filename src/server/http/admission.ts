import type { Hono } from 'hono'
import { type Limits, maxResponseBytes } from '../../base/limits.ts'
import type { Log } from '../../base/log.ts'
import { requestId } from '../../wires/http.ts'
import { returnedCookie } from '../../wires/nemo-gym/session.ts'

/** Counts the requests in flight and refuses those above the limits. */
export interface Admission {
  /** How many requests are not answered yet. */
  readonly inFlight: number
  /** True from a refused request until a tenth of the capacity is free again. */
  readonly isOverloaded: boolean
  /** How many requests were refused since it became overloaded. */
  readonly refused: number
  /**
   * Runs `work`, or, at capacity, returns a 503 with `Retry-After` before any of the body is read: an unread body
   * takes no memory here, because TCP stops its sender.
   */
  admit(headers: Headers, work: () => Response | Promise<Response>): Response | Promise<Response>
  /** Counts a request with a body of this many bytes, unless the server is at capacity; gives the function that ends this. */
  enter(bytes: number): (() => void) | undefined
  /** Counts work that goes on behind an answer that has begun, such as a stream, until it settles. */
  hold(work: Promise<unknown>): void
}

const body = JSON.stringify({
  error: {
    code: 'overloaded',
    message: 'the server has too many requests in flight; try again',
    // Also in the shape that OpenAI's SDKs read, because the address is not known yet.
    type: 'server_error',
    param: null,
  },
})

/**
 * Admits at most `maxRequestsInFlight` requests, with at most `maxBytesInFlight` bytes in their bodies; a body of
 * unknown length counts as the largest that is accepted. `onRefused` is called for each request that is turned away.
 */
export function createAdmission(
  limits: Pick<Limits, 'maxRequestsInFlight' | 'maxBytesInFlight' | 'maxBodyBytes'>,
  log: Log,
  onRefused: () => void = () => {},
): Admission {
  const { maxRequestsInFlight, maxBytesInFlight, maxBodyBytes } = limits
  let requests = 0
  let bytes = 0
  let refused = 0

  const leave = (size: number): void => {
    requests -= 1
    bytes -= size
    if (refused === 0 || requests > maxRequestsInFlight * 0.9 || bytes > maxBytesInFlight * 0.9) return
    log.warn({ code: 'overload_over', refused }, `there is room again; ${refused} requests were refused`)
    refused = 0
  }
  const refuse = (headers: Headers): Response => {
    if (refused === 0) {
      log.error({ code: 'overloaded', requests, bytes }, 'too many requests are in flight: new ones are refused')
    }
    refused += 1
    onRefused()
    // With jitter, so that clients do not all retry at once.
    const retryAfter = String(1 + (refused % 3))
    const fields = { 'content-type': 'application/json', 'retry-after': retryAfter, 'x-request-id': requestId() }
    const cookie = returnedCookie(headers)
    return new Response(body, {
      status: 503,
      headers: cookie === undefined ? fields : { ...fields, 'set-cookie': cookie },
    })
  }

  const isFull = (size: number) => requests >= maxRequestsInFlight || (bytes + size > maxBytesInFlight && requests > 0)
  const count = (size: number): void => {
    requests += 1
    bytes += size
  }

  const counted = async (size: number, work: () => Response | Promise<Response>): Promise<Response> => {
    try {
      return await work()
    } finally {
      leave(size)
    }
  }

  return {
    get inFlight() {
      return requests
    },
    get isOverloaded() {
      return refused > 0
    },
    get refused() {
      return refused
    },
    admit(headers, work) {
      const size = sizeOf(headers, maxBodyBytes)
      if (isFull(size)) return refuse(headers)
      count(size)
      return counted(size, work)
    },
    enter(size) {
      if (isFull(size)) return undefined
      count(size)
      return () => leave(size)
    },
    hold(work) {
      requests += 1
      const end = () => leave(0)
      work.then(end, end)
    },
  }
}

/** The most bytes of a body that are read, on whichever wire. */
function sizeOf(headers: Headers, maxBodyBytes: number): number {
  const length = headers.get('content-length')
  if (length === null) return headers.has('transfer-encoding') ? maxBodyBytes : 0
  const announced = Number(length)
  return announced >= 0 ? Math.min(announced, Math.max(maxBodyBytes, maxResponseBytes)) : maxBodyBytes
}

/**
 * The way into an app through its admission: around all of it, so that refusing a request is cheap. Only requests with a body
 * are counted.
 */
export function admitting({ fetch }: Hono, admission: Admission): Hono['fetch'] {
  return (request, ...rest) =>
    request.method === 'POST'
      ? admission.admit(request.headers, () => fetch(request, ...rest))
      : fetch(request, ...rest)
}
