import { randomUUID } from 'node:crypto'

/** A new id of a request, for the header `x-request-id`: `req_` and 32 hex digits. */
export const requestId = (): string => `req_${randomUUID().replaceAll('-', '')}`
