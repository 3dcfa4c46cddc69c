import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { RequestError } from '../errors.ts'

/** Refuses a body of more than `maxBytes` with a 413, unread where its length is announced. */
export function limitBody(maxBytes: number): MiddlewareHandler {
  const tooLarge = (): never => {
    throw new RequestError(413, 'body_too_large', `the body is larger than ${maxBytes} bytes; send less`)
  }
  const counted = bodyLimit({ maxSize: maxBytes, onError: tooLarge })
  return async (c, next) => {
    const length = c.req.header('content-length')
    if (length === undefined || c.req.header('transfer-encoding') !== undefined) return counted(c, next)
    if (Number(length) > maxBytes) tooLarge()
    return next()
  }
}
