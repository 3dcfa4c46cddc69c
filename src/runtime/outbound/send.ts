import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIPv6, type LookupFunction } from 'node:net'
import { OutboundError } from './outbound-error.ts'

/** One request, to IP addresses that were checked. */
export interface Sending {
  readonly url: URL
  /** Where to connect to; nothing is looked up again, so that the name cannot lead elsewhere meanwhile. */
  readonly addresses: readonly string[]
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
  /** The most bytes that the answer's body may have. */
  readonly maxBytes: number
}

/** An answer with its whole body. */
export interface Received {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/**
 * Posts a body over a connection of its own, and reads the whole answer; a redirect is an answer like any other.
 *
 * Throws an {@link OutboundError} `unreachable` or `too_large`; rejects soon after the signal aborts.
 */
export function send(sending: Sending, signal: AbortSignal): Promise<Received> {
  const { url, addresses, maxBytes } = sending
  return new Promise((resolve, reject) => {
    const unreachable = (error?: NodeJS.ErrnoException) => {
      // A system's message names the IP address, which is nobody's business.
      const code = error?.code ?? 'connection closed'
      reject(new OutboundError('unreachable', `no answer from ${url.origin}: ${code}`))
    }
    const request = open(sending, signal)
    let isAnswered = false
    request.on('error', unreachable)
    // The connection may be closed while the end of the answer is still to be read.
    request.on('close', () => isAnswered || unreachable())
    request.on('response', (response) => {
      isAnswered = true
      readBody(response, maxBytes).then(
        (body) => {
          if (body === undefined) {
            reject(new OutboundError('too_large', `the answer of ${url.origin} is larger than ${maxBytes} bytes`))
          } else resolve({ status: response.statusCode ?? 0, headers: response.headers, body })
          request.destroy()
        },
        (error: NodeJS.ErrnoException) => unreachable(error),
      )
    })
    request.end(sending.body)
  })

  function open({ headers, body }: Sending, aborted: AbortSignal): ClientRequest {
    const pinned: LookupFunction = (_hostname, options, callback) => {
      const found = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
      const [first] = found
      if (first === undefined) callback(new Error('no address'), '')
      else if (options.all) callback(null, found)
      else callback(null, first.address, first.family)
    }
    const options = {
      method: 'POST',
      lookup: pinned,
      // A connection that is kept could break just when the next request is sent on it.
      agent: false,
      signal: aborted,
      headers: {
        ...Object.fromEntries(headers),
        accept: 'application/json',
        'accept-encoding': 'identity',
        'content-type': 'application/json',
        'content-length': body.length,
      },
    }
    return url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options)
  }
}

async function readBody(response: IncomingMessage, most: number): Promise<Buffer | undefined> {
  if (Number(response.headers['content-length'] ?? 0) > most) return undefined
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += chunk.length
    if (bytes > most) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
