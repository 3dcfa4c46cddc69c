import { validateHeaderName, validateHeaderValue } from 'node:http'
import { OutboundError } from './outbound-error.ts'

const most = 64
const mostCharacters = 16_384

/** What concerns one connection, or is this side's to say: how long the body is, whose it is, what it is. */
const ours: ReadonlySet<string> = new Set([
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
 * The headers that a caller's request is sent with, by their names in lower case. Those of the connection and the body are dropped.
 *
 * Throws an {@link OutboundError} `refused` for a name or value that is none, such as one with a line break in it, and for
 * more than 64 or more than 16,384 characters of them.
 */
export function sentHeaders(given: Readonly<Record<string, string>>): Map<string, string> {
  const entries = Object.entries(given)
  if (entries.length > most) throw new OutboundError('refused', `more than ${most} headers`)
  const sent = new Map<string, string>()
  let characters = 0
  for (const [index, [name, value]] of entries.entries()) {
    characters += name.length + value.length
    if (!isHeader(name, value)) {
      throw new OutboundError(
        'refused',
        `header ${index + 1} of ${entries.length} has a character that no header may have`,
      )
    }
    if (!ours.has(name.toLowerCase())) sent.set(name.toLowerCase(), value)
  }
  if (characters > mostCharacters)
    throw new OutboundError('refused', `more than ${mostCharacters} characters of headers`)
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
