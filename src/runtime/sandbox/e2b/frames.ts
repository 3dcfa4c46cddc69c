import { SandboxError } from '../provider.ts'
import { parsed } from './http.ts'

/** A message of a stream of the Connect protocol: JSON, and whether it is the trailer that ends the stream. */
export interface Frame {
  readonly isLast: boolean
  readonly message: unknown
}

/** The limit of a message, in bytes. */
const mostBytes = 8 * 1024 ** 2
const headBytes = 5
const compressed = 1
const trailer = 2

/** A JSON message as a stream carries it: a byte of flags, its length in four bytes, and itself. */
export function frameOf(message: unknown, flags = 0): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(message))
  const frame = new Uint8Array(headBytes + json.length)
  const head = new DataView(frame.buffer)
  head.setUint8(0, flags)
  head.setUint32(1, json.length)
  frame.set(json, headBytes)
  return frame
}

/**
 * The messages of a stream, as they come.
 *
 * @throws SandboxError `unavailable` if the stream breaks off within a message, or does not follow the protocol; what the
 * chunks throw.
 */
export async function* framesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let rest = Buffer.alloc(0)
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk])
    while (rest.length >= headBytes) {
      const length = rest.readUInt32BE(1)
      if (length > mostBytes) throw new SandboxError('unavailable', `E2B sent a message of ${length} bytes`)
      if (rest.length < headBytes + length) break
      yield frame(rest.readUInt8(0), rest.toString('utf8', headBytes, headBytes + length))
      rest = rest.subarray(headBytes + length)
    }
  }
  if (rest.length > 0) throw new SandboxError('unavailable', 'the connection to the sandbox broke within a message')
}

function frame(flags: number, json: string): Frame {
  const message = parsed(json)
  if ((flags & compressed) !== 0 || message === undefined) {
    throw new SandboxError('unavailable', 'E2B sent a message that is not JSON')
  }
  return { isLast: (flags & trailer) !== 0, message }
}
