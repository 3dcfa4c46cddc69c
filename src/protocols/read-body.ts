import type { Context } from 'hono'
import type { z } from 'zod'
import { RequestError } from '../errors.ts'
import { describeIssues } from '../issues.ts'
import { parseJson } from '../json.ts'

/** Reads a request's JSON body as `schema` wants it: the only place where a parse error becomes a 400. */
export async function readBody<Body>(c: Context, schema: z.ZodType<Body>): Promise<Body> {
  const encoding = c.req.header('content-encoding') ?? 'identity'
  if (encoding !== 'identity') {
    throw new RequestError(
      415,
      'unsupported_encoding',
      `the body is encoded as "${encoding.slice(0, 64)}"; send it as it is`,
    )
  }
  const text = await c.req.text().catch((cause: unknown) => {
    throw new RequestError(400, 'body_unreadable', 'the body ended before it was complete', { cause })
  })
  const body = schema.safeParse(parsed(text))
  if (body.success) return body.data
  throw new RequestError(400, 'invalid_request', `the body does not fit: ${describeIssues(body.error, 'body')}`)
}

function parsed(text: string): unknown {
  try {
    return parseJson(text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replaceAll(/\s+/g, ' ').slice(0, 200) : ''
    throw new RequestError(400, 'invalid_json', `the body is not JSON: ${reason}`, { cause })
  }
}
