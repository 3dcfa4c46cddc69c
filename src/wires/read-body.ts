import { isUtf8 } from 'node:buffer'
import { IncomingMessage } from 'node:http'
import type { Context } from 'hono'
import type { z } from 'zod'
import { describeIssues, hidingValues } from '../base/issues.ts'
import { contentHash, parseJson } from '../base/json.ts'
import { shorten } from '../base/text.ts'
import type { Turns } from '../base/turns.ts'
import { RequestError } from '../kit/errors.ts'
import { type Chunks, joined, lengthOf, type TakenChunks } from './chunks.ts'
import type { Found, KnownItems } from './known-items.ts'

/** What reading a request's body needs. */
export interface BodyLimits {
  readonly maxBodyBytes: number
  readonly turns: Turns
}

/** Resolves when a large piece of work on the request's body may run; see {@link Turns.take}. */
export function turnOf(c: Context, { maxBodyBytes, turns }: BodyLimits): Promise<void> | undefined {
  const length = c.req.header('content-length')
  return turns.take(length === undefined ? maxBodyBytes : Number(length))
}

/**
 * Reads a request's JSON body as `schema` parses it. Throws a `RequestError`: 413, 415 or 400.
 */
export async function readBody<Body>(c: Context, schema: z.ZodType<Body>, limits: BodyLimits): Promise<Body> {
  return await wholeBody(joined(await readChunks(c, limits)), schema, limits)
}

/** Items of more bytes take a turn of the event loop of their own, although they are known. */
const largeItem = 262_144

/**
 * Parses a body as {@link readBody} does, and hashes its item; see {@link contentHash}. The item is frozen. One that arrived
 * before is recognized in {@link KnownItems}, and neither parsed nor hashed again.
 *
 * @param chunks the body; they are removed from the array
 * @param plain reads a body of the usual form without the schema, with the same result; undefined for any other
 */
export async function parseBodyWithItem<Body extends { readonly item: unknown }>(
  chunks: TakenChunks,
  schema: z.ZodType<Body>,
  limits: Pick<BodyLimits, 'turns'> & { readonly items: KnownItems },
  plain: (value: unknown) => Body | undefined = () => undefined,
): Promise<{ readonly body: Body; readonly itemHash: string }> {
  const { items, turns } = limits
  try {
    const { body: arrived, found } = itemIn(chunks, items)
    if (found !== undefined) {
      const itemBytes = found.end - found.start
      const others = turns.take(lengthOf(arrived) - itemBytes)
      if (others !== undefined) await others
      // Its validation is remembered too, but not in every environment.
      if (itemBytes > largeItem) await turns.take(itemBytes)
      const value = items.parse(arrived, found)
      if (value !== undefined) return { body: plain(value) ?? fitting(value, schema), itemHash: found.hash }
    }
    const bytes = joined(arrived)
    const body = await wholeBody(bytes, schema, limits)
    await turns.take(bytes.length)
    const known = { item: body.item, hash: contentHash(body.item) }
    await turns.take(bytes.length)
    items.keep(bytes, known)
    await turns.take(bytes.length)
    return { body, itemHash: known.hash }
  } finally {
    chunks.length = 0
  }
}

/** Looks for a known item in a body. If it is not in the first chunk, the chunks are joined. */
function itemIn(body: Chunks, items: KnownItems): { readonly body: Chunks; readonly found: Found | undefined } {
  const found = items.find(body)
  if (found !== undefined || body.length <= 1) return { body, found }
  const whole = [joined(body)]
  return { body: whole, found: items.find(whole) }
}

/**
 * Reads a request's body, at most `maxBodyBytes`.
 *
 * @throws RequestError 413, 415, and 400 for a body that ends early.
 */
export async function readChunks(c: Context, { maxBodyBytes }: Pick<BodyLimits, 'maxBodyBytes'>): Promise<TakenChunks> {
  const encoding = c.req.header('content-encoding') ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') {
    const message = `the body is encoded as "${shorten(encoding, 64)}"; send it without an encoding`
    throw new RequestError(415, 'unsupported_encoding', message)
  }
  return await unlimited(c, maxBodyBytes).catch(unreadable)
}

function unreadable(cause: unknown): never {
  if (cause instanceof RequestError) throw cause
  throw unreadableBody(cause)
}

const unreadableBody = (cause: unknown) =>
  new RequestError(400, 'body_unreadable', 'the body ended before it was complete', { cause })

async function wholeBody<Body>(
  bytes: Buffer,
  schema: z.ZodType<Body>,
  { turns }: Pick<BodyLimits, 'turns'>,
): Promise<Body> {
  const text = textOf(bytes)
  await turns.take(bytes.byteLength)
  return fitting(parsed(text), schema)
}

/** The body as the schema parses it: the only place where a parse error becomes a 400. */
function fitting<Body>(value: unknown, schema: z.ZodType<Body>): Body {
  const body = schema.safeParse(value, hidingValues)
  if (body.success) return body.data
  const message = `the body does not fit: ${describeIssues(body.error, 'body')}`
  throw new RequestError(400, 'invalid_request', message, { details: { param: paramOf(body.error) } })
}

/** The first field that does not fit, for an answer that names one. */
const paramOf = ({ issues }: z.ZodError) => shorten(issues[0]?.path.map(String).join('.') ?? '', 200) || null

/** Reads a body. A body that is too large is not read if it has a Content-Length, and is cut off otherwise. */
async function unlimited(c: Context, maxBytes: number): Promise<TakenChunks> {
  const tooLarge = () => new RequestError(413, 'body_too_large', `the body is larger than ${maxBytes} bytes; send less`)
  const length = c.req.header('content-length')
  if (Number(length ?? 0) > maxBytes) throw tooLarge()
  // Node enforces the announced length.
  if (length !== undefined && c.req.header('transfer-encoding') === undefined) {
    const incoming = incomingOf(c)
    return incoming === undefined ? [Buffer.from(await c.req.raw.arrayBuffer())] : await receiveBody(incoming)
  }
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of c.req.raw.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw tooLarge()
    chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  }
  return chunks
}

/** Node's own request, if this one came over a socket and nothing of its body was read: it saves a copy of the body. */
function incomingOf({ env }: { readonly env: unknown }): IncomingMessage | undefined {
  if (typeof env !== 'object' || env === null || !('incoming' in env)) return undefined
  const { incoming } = env
  return incoming instanceof IncomingMessage && !incoming.readableDidRead && !incoming.destroyed ? incoming : undefined
}

/**
 * Receives the body of a request of Node's, whose length Node checks.
 *
 * @throws RequestError 400 if it ends early.
 */
export function receiveBody(incoming: IncomingMessage): Promise<TakenChunks> {
  const closed = () => unreadableBody(new Error('the connection was closed'))
  return new Promise<TakenChunks>((resolve, reject) => {
    // It closes once, perhaps while the caller waited for something else.
    if (incoming.destroyed && !incoming.readableEnded) return reject(closed())
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => void chunks.push(chunk))
    incoming.on('end', () => resolve(chunks))
    incoming.on('error', (cause) => reject(unreadableBody(cause)))
    incoming.on('close', () => {
      // Every request closes, and making an error takes time.
      if (!incoming.readableEnded) reject(closed())
    })
  })
}

/** Decodes a body, which may begin with a byte order mark. Other encodings are refused: two texts could become one. */
function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new RequestError(400, 'invalid_encoding', 'the body is not UTF-8; send JSON as UTF-8')
  const text = bytes.toString()
  return text.startsWith('\ufeff') ? text.slice(1) : text
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

/** The parser's reason without the quoted part of the body, which may contain the reference and which the model reads. */
function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  return shorten(message.replace(/, (?:\.\.\.)?".*/s, ''), 200)
}
