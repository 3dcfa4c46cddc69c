import type { Context } from 'hono'
import type { z } from 'zod'
import { describeIssues, hidingValues } from '../base/issues.ts'
import { parseJson } from '../base/json.ts'
import { shorten } from '../base/shorten.ts'
import { RequestError } from '../kit/errors.ts'

/**
 * Reads a request's JSON body of at most `maxBytes` as `schema` wants it: the only place where a parse error becomes a
 * 400. Throws a `RequestError`: 413, 415 or 400.
 */
export async function readBody<Body>(c: Context, schema: z.ZodType<Body>, maxBytes: number): Promise<Body> {
  const encoding = c.req.header('content-encoding') ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') {
    const message = `the body is encoded as "${shorten(encoding, 64)}"; send it as it is`
    throw new RequestError(415, 'unsupported_encoding', message)
  }
  const text = await readText(c, maxBytes).catch((cause: unknown) => {
    if (cause instanceof RequestError) throw cause
    throw new RequestError(400, 'body_unreadable', 'the body ended before it was complete', { cause })
  })
  const body = schema.safeParse(parsed(text), hidingValues)
  if (body.success) return body.data
  const message = `the body does not fit: ${describeIssues(body.error, 'body')}`
  throw new RequestError(400, 'invalid_request', message, { details: { param: paramOf(body.error) } })
}

/** The first field that does not fit, for an answer that names one. */
const paramOf = ({ issues }: z.ZodError) => shorten(issues[0]?.path.map(String).join('.') ?? '', 200) || null

/** Reads a body as text; one that is too large is left unread where its length is announced, else cut off. */
async function readText(c: Context, maxBytes: number): Promise<string> {
  const tooLarge = () => new RequestError(413, 'body_too_large', `the body is larger than ${maxBytes} bytes; send less`)
  const length = c.req.header('content-length')
  if (Number(length ?? 0) > maxBytes) throw tooLarge()
  // Node holds a sender to the length that it announced.
  if (length !== undefined && c.req.header('transfer-encoding') === undefined) return c.req.text()
  const decoder = new TextDecoder()
  let bytes = 0
  let text = ''
  for await (const chunk of c.req.raw.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw tooLarge()
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function parsed(text: string): unknown {
  try {
    return parseJson(text)
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new RequestError(400, 'invalid_request', `the body does not fit: ${cause.message}`, { cause })
    }
    throw new RequestError(400, 'invalid_json', `the body is not JSON: ${reasonOf(cause)}`, { cause })
  }
}

/** The parser's reason without the piece of the body that it quotes: the answer may stand there, and the model reads it. */
function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  return shorten(message.replace(/, (?:\.\.\.)?".*/s, ''), 200)
}
