import { validateHeaderName, validateHeaderValue } from 'node:http'
import { OutboundError } from './outbound-error.ts'

const maxHeaders = 64
const maxCharacters = 16_384

/** Headers of the connection and of the body, which this server sets itself. */
const reserved: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * The headers to send for a caller, by their names in lower case. Headers of the connection and of the body are dropped.
 *
 * Throws an {@link OutboundError} `refused` for an invalid name or value, such as one with a line break, and for more than
 * 64 headers or 16,384 characters.
 */
export function sentHeaders(given: Readonly<Record<string, string>>): Map<string, string> {
  const entries = Object.entries(given)
  if (entries.length > maxHeaders) throw new OutboundError('refused', `more than ${maxHeaders} headers`)
  const sent = new Map<string, string>()
  let characters = 0
  for (const [index, [name, value]] of entries.entries()) {
    characters += name.length + value.length
    if (!isHeader(name, value)) {
      throw new OutboundError('refused', `header ${index + 1} of ${entries.length} contains an invalid character`)
    }
    if (!reserved.has(name.toLowerCase())) sent.set(name.toLowerCase(), value)
  }
  if (characters > maxCharacters) throw new OutboundError('refused', `more than ${maxCharacters} characters of headers`)
  return sent
}

function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    return true
  } catch {
    return false
  }
}
