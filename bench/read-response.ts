/** An answer that has arrived as a whole. */
export interface Answer {
  readonly status: number
  /** How many bytes it is long, head and body. */
  readonly length: number
  /** Whether the server hangs up after it. */
  readonly closes: boolean
}

const endOfHead = Buffer.from('\r\n\r\n')
const endOfLine = Buffer.from('\r\n')

/**
 * Reads the HTTP/1.1 answer that begins these bytes, or gives undefined while it is incomplete: as little of the
 * protocol as a server's own client needs, a body with its length or in chunks.
 *
 * @throws Error for what is no such answer.
 */
export function readResponse(bytes: Buffer): Answer | undefined {
  const at = bytes.indexOf(endOfHead)
  if (at === -1) return undefined
  const head = bytes.toString('latin1', 0, at)
  if (!head.startsWith('HTTP/1.1 ')) throw new Error(`no HTTP/1.1 answer: ${head.slice(0, 40)}`)
  const status = Number(head.slice(9, 12))
  const closes = /\r\nconnection: *close/i.test(head)
  const body = at + endOfHead.length
  const announced = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  const length = announced === undefined ? endOfChunks(bytes, head, body) : body + Number(announced)
  return length === undefined || length > bytes.length ? undefined : { status, length, closes }
}

function endOfChunks(bytes: Buffer, head: string, body: number): number | undefined {
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) throw new Error('an answer without a length')
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
