/** A complete response. */
export interface Answer {
  readonly status: number
  /** Its length in bytes, head and body. */
  readonly length: number
  /** Whether the server closes the connection after it. */
  readonly closes: boolean
}

const endOfHead = Buffer.from('\r\n\r\n')
const endOfLine = Buffer.from('\r\n')

/**
 * Reads the HTTP/1.1 response at the start of these bytes, or gives undefined while it is incomplete. It knows as little of
 * the protocol as this load needs: a body with a length or in chunks.
 *
 * @throws Error for anything else.
 */
export function readResponse(bytes: Buffer): Answer | undefined {
  const at = bytes.indexOf(endOfHead)
  if (at === -1) return undefined
  const head = bytes.toString('latin1', 0, at)
  if (!head.startsWith('HTTP/1.1 ')) throw new Error(`not an HTTP/1.1 response: ${head.slice(0, 40)}`)
  const status = Number(head.slice(9, 12))
  const closes = /\r\nconnection: *close/i.test(head)
  const body = at + endOfHead.length
  const announced = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  const length = announced === undefined ? endOfChunks(bytes, head, body) : body + Number(announced)
  return length === undefined || length > bytes.length ? undefined : { status, length, closes }
}

function endOfChunks(bytes: Buffer, head: string, body: number): number | undefined {
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) throw new Error('a response without a length')
  for (let from = body; ; ) {
    const line = bytes.indexOf(endOfLine, from)
    if (line === -1) return undefined
    const size = Number.parseInt(bytes.toString('latin1', from, line), 16)
    if (Number.isNaN(size)) throw new Error('a chunk without a size')
    from = line + endOfLine.length + size + endOfLine.length
    if (from > bytes.length) return undefined
    if (size === 0) return from
  }
}
