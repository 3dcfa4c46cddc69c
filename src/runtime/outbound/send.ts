import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIPv6, type LookupFunction } from 'node:net'
import { OutboundError } from './outbound-error.ts'

/** One request, to IP addresses that have been checked. */
export interface Sending {
  readonly url: URL
  /** Where to connect to. The name is not resolved again, so it cannot lead elsewhere in the meantime. */
  readonly addresses: readonly string[]
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
  /** The maximum size of the answer's body, in bytes. */
  readonly maxBytes: number
}

/** An answer with its complete body. */
export interface Received {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/**
 * Posts a body over a new connection and reads the complete answer; redirects are answers too.
 *
 * Throws an {@link OutboundError} `unreachable` or `too_large`; rejects soon after the signal aborts.
 */
export function send(sending: Sending, signal: AbortSignal): Promise<Received> {
  const { url, addresses, maxBytes } = sending
  return new Promise((resolve, reject) => {
    const unreachable = (error?: NodeJS.ErrnoException) => {
      // The system's message contains the IP address, which callers must not learn.
      const code = error?.code ?? 'connection closed'
      reject(new OutboundError('unreachable', `no answer from ${url.origin}: ${code}`))
    }
    const request = open(sending, signal)
    let isAnswered = false
    request.on('error', unreachable)
    // The connection may close before the end of the answer has been read.
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
      // A kept connection could break just when the next request is sent on it.
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

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) return undefined
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += chunk.length
    if (bytes > maxBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
