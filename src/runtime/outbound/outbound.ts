import { withDeadline } from '../../base/deadline.ts'
import { parseJson } from '../../base/json.ts'
import { retryAfterMs } from '../../base/retry-after.ts'
import type { AllowedAddress } from './addresses.ts'
import { OutboundError } from './outbound-error.ts'
import { addressesOf, allowedUrl, type Resolve, systemResolve } from './public-network.ts'
import { type Received, send } from './send.ts'
import { sentHeaders } from './sent-headers.ts'

/** What {@link createOutbound} needs. */
export interface OutboundOptions {
  /** What may be asked; nothing else is. */
  readonly allowed: readonly AllowedAddress[]
  /** How long one request may take, redirects and the whole answer included, in seconds. */
  readonly seconds: number
  /** The most bytes that an answer's body may have. */
  readonly maxBytes: number
  /** Finds the IP addresses of a name; the system's way when left out. */
  readonly resolve?: Resolve
}

/** What a request may carry beside its body. */
export interface PostOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly signal?: AbortSignal | undefined
}

/** An answer with a 2xx status. */
export interface OutboundAnswer {
  readonly status: number
  /** Its `Content-Type`, undefined for none; JSON is read whatever it says. */
  readonly contentType: string | undefined
  readonly json: unknown
}

/** Asks other servers, those of a list alone. */
export interface Outbound {
  /**
   * Posts JSON to an address of the list and reads the JSON of the answer.
   *
   * Throws an {@link OutboundError} for whatever comes to nothing, and what the signal says when that aborts it.
   */
  post(address: string, body: unknown, options?: PostOptions): Promise<OutboundAnswer>
  /** Throws the {@link OutboundError} `refused` with which `post` would refuse this address unasked. */
  check(address: string): void
}

/** How many redirects of one request are followed. */
const mostRedirects = 3

/**
 * Makes the only way on which this server asks addresses that a request names: those of an allow-list, names of it only
 * where they lead to the public internet, and always the IP address that was checked.
 *
 * A redirect is followed where it keeps method and body (307, 308) and its target is on the list too, at most three times;
 * the caller's headers, which hold keys, go to another origin never.
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
    const bytes = Buffer.from(JSON.stringify(body) ?? 'null')
    for (let redirects = 0; ; redirects += 1) {
      const addresses = await addressesOf(url, resolve)
      signal.throwIfAborted()
      const received = await send({ url, addresses, headers, body: bytes, maxBytes }, signal)
      const target = targetOf(received, url)
      if (target === undefined) return answerOf(received, url)
      if (redirects === mostRedirects) {
        throw new OutboundError('refused', `${new URL(address).origin} redirects more than ${mostRedirects} times`)
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
      const late = () => new OutboundError('timed_out', `no whole answer from ${origin} in ${seconds} seconds`)
      const parents = signal === undefined ? [] : [signal]
      return withDeadline({ seconds, late, parents }, (either) => follow(address, body, headers, either))
    },
  }
}

/** Where a redirect points, or undefined for what is none. */
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
  if (json === undefined) throw new OutboundError('not_json', `${origin} answered with what is no JSON`)
  return { status, contentType: headers['content-type'], json }
}

/** The JSON in a body, undefined where there is none that this server would take from anybody. */
function jsonOf(body: Buffer): unknown {
  try {
    return parseJson(body.toString())
  } catch {
    return undefined
  }
}
