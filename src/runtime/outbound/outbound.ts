import { retryAfterMs, withDeadline } from '../../base/deadline.ts'
import { stringifyExactly } from '../../base/exact-json.ts'
import { parseJson } from '../../base/json.ts'
import type { AllowedAddress } from './addresses.ts'
import { OutboundError } from './outbound-error.ts'
import { addressesOf, allowedUrl, type Resolve, systemResolve } from './public-network.ts'
import { type Received, send } from './send.ts'
import { sentHeaders } from './sent-headers.ts'

/** The options of {@link createOutbound}. */
export interface OutboundOptions {
  /** The allowed addresses; requests to all others are refused. */
  readonly allowed: readonly AllowedAddress[]
  /** The timeout of one request, redirects and the whole answer included, in seconds. */
  readonly seconds: number
  /** The maximum size of an answer's body, in bytes. */
  readonly maxBytes: number
  /** Resolves names; the operating system by default. */
  readonly resolve?: Resolve
}

/** The options of one request. */
export interface PostOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly signal?: AbortSignal | undefined
}

/** An answer with a 2xx status. */
export interface OutboundAnswer {
  readonly status: number
  /** Its `Content-Type`, undefined if absent; JSON is read whatever the type. */
  readonly contentType: string | undefined
  readonly json: unknown
}

/** Sends requests to other servers, only to those in a list. */
export interface Outbound {
  /**
   * Posts JSON to an address in the list and reads the JSON of the answer.
   *
   * Throws an {@link OutboundError} if that fails, and the signal's reason when that aborts.
   */
  post(address: string, body: unknown, options?: PostOptions): Promise<OutboundAnswer>
  /** Throws the {@link OutboundError} `refused` that `post` would throw for this address before it sends anything. */
  check(address: string): void
}

/** How many redirects of one request are followed. */
const maxRedirects = 3

/**
 * Makes the only client with which this server sends requests to addresses that come from callers. They must be in an
 * allow-list, names must resolve to the public internet, and the connection goes to the IP address that was checked.
 *
 * A redirect is followed if it keeps method and body (307, 308) and its target is in the list too, at most three times. The
 * caller's headers, which contain keys, are never sent to another origin.
 *
 * @example
 * const outbound = createOutbound({ allowed: readAllowedAddresses('https://graders.example.com/v1/'), seconds: 60, maxBytes: 1_048_576 })
 * const { json } = await outbound.post('https://graders.example.com/v1/grade', { item, sample })
 */
export function createOutbound({ allowed, seconds, maxBytes, resolve = systemResolve }: OutboundOptions): Outbound {
  const follow = async (
    address: string,
    body: unknown,
    given: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ) => {
    let url = allowedUrl(address, allowed)
    let headers = sentHeaders(given)
    const bytes = Buffer.from(stringifyExactly(body))
    for (let redirects = 0; ; redirects += 1) {
      const addresses = await addressesOf(url, resolve)
      signal.throwIfAborted()
      const received = await send({ url, addresses, headers, body: bytes, maxBytes }, signal)
      const target = targetOf(received, url)
      if (target === undefined) return answerOf(received, url)
      if (redirects === maxRedirects) {
        throw new OutboundError('refused', `${new URL(address).origin} redirects more than ${maxRedirects} times`)
      }
      const next = redirected(target, url, allowed)
      if (next.origin !== url.origin) headers = new Map()
      url = next
    }
  }
  return {
    check: (address) => void allowedUrl(address, allowed),
    post: async (address, body, { headers = {}, signal } = {}) => {
      const { origin } = allowedUrl(address, allowed)
      const late = () => new OutboundError('timed_out', `no complete answer from ${origin} in ${seconds} seconds`)
      const parents = signal === undefined ? [] : [signal]
      return withDeadline({ seconds, late, parents }, (either) => follow(address, body, headers, either))
    },
  }
}

/** The target of a redirect, undefined for other answers. */
function targetOf({ status, headers }: Received, url: URL): string | undefined {
  const { location } = headers
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return undefined
  if (status === 307 || status === 308) return location
  throw new OutboundError(
    'refused',
    `${url.origin} redirects with ${status}, which would lose the body; it must be 307 or 308`,
  )
}

function redirected(target: string, from: URL, allowed: readonly AllowedAddress[]): URL {
  const isRelative = target.startsWith('/') && !target.startsWith('//')
  try {
    return allowedUrl(isRelative ? `${from.origin}${target}` : target, allowed)
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    throw new OutboundError('refused', `${from.origin} redirects to an address that is not followed: ${error.message}`)
  }
}

function answerOf({ status, headers, body }: Received, { origin }: URL): OutboundAnswer {
  const json = jsonOf(body)
  if (status < 200 || status > 299) {
    const after = retryAfterMs(headers['retry-after'])
    throw new OutboundError('status', `${origin} answered ${status}`, { status, retryAfterMs: after, body: json })
  }
  if (json === undefined) throw new OutboundError('not_json', `the answer of ${origin} is not JSON`)
  return { status, contentType: headers['content-type'], json }
}

/** The JSON of a body, undefined if it is not JSON that this server accepts. */
function jsonOf(body: Buffer): unknown {
  try {
    return parseJson(body.toString())
  } catch {
    return undefined
  }
}
