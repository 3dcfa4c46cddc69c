import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { retryAfterMs } from '../base/deadline.ts'
import { createSecretRedactor } from '../base/redact.ts'
import type { Embed } from '../kit/environment.ts'

/** The options of {@link createEmbed}. */
export interface EmbeddingsOptions {
  /** The base address, such as `https://api.openai.com/v1`; a query string in it is kept. */
  readonly url: string
  readonly model: string
  readonly apiKey?: string | undefined
  /** Requests shorter vectors, if the model supports that. */
  readonly dimensions?: number | undefined
  /** Texts per request, 64 by default. */
  readonly batchSize?: number
  /** How often one request is tried, 5 by default. */
  readonly attempts?: number
  /** The first pause between two tries, in milliseconds, 500 by default; each later one is twice as long. */
  readonly pauseMs?: number
  /** The timeout of one try, in milliseconds, 30,000 by default. */
  readonly timeoutMs?: number
  readonly fetch?: typeof fetch
  /** Waits for some milliseconds; rejects when the signal aborts. */
  readonly wait?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>
}

const maxPauseMs = 60_000

const answer = z.object({
  data: z.array(z.object({ index: z.number().int().optional(), embedding: z.array(z.number()).min(1) })),
})

/** A failed try; `pauseMs` is how long the endpoint asks to wait, undefined if it does not say. */
interface Failure {
  readonly reason: string
  readonly isRetryable: boolean
  readonly pauseMs: number | undefined
}

/**
 * Makes the function that turns texts into vectors with `POST {url}/embeddings`, in OpenAI's format. It sends one batch
 * after the other and retries after a network error, a 408, a 429 or a 5xx, no sooner than `Retry-After` says.
 *
 * The function throws an Error that names the address and the reason if the endpoint cannot answer, and the signal's reason
 * when that aborts.
 *
 * @example
 * const embed = createEmbed({ url: 'http://localhost:11434/v1', model: 'nomic-embed-text' })
 * const [vector] = await embed(['net revenue in 2015'])
 */
export function createEmbed(options: EmbeddingsOptions): Embed {
  const { batchSize = 64 } = options
  return async (texts, signal) => {
    const vectors: number[][] = []
    for (let start = 0; start < texts.length; start += batchSize) {
      vectors.push(...(await embedBatch(options, texts.slice(start, start + batchSize), signal)))
    }
    return vectors
  }
}

async function embedBatch(options: EmbeddingsOptions, texts: readonly string[], signal: AbortSignal | undefined) {
  const { attempts = 5, pauseMs = 500, wait = sleepFor } = options
  for (let attempt = 1; ; attempt += 1) {
    const result = await ask(options, texts, signal)
    if (Array.isArray(result)) return result
    signal?.throwIfAborted()
    if (!result.isRetryable || attempt >= attempts) {
      const address = new URL(options.url)
      const tried = attempt > 1 ? ` after ${attempt} tries` : ''
      throw new Error(`no embeddings from ${address.origin}${address.pathname}${tried}: ${result.reason}`)
    }
    const backOff = pauseMs * 2 ** (attempt - 1) * (0.75 + Math.random() / 2)
    await wait(Math.min(Math.max(backOff, result.pauseMs ?? 0), maxPauseMs), signal)
  }
}

async function sleepFor(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(milliseconds, undefined, { signal })
}

async function ask(
  options: EmbeddingsOptions,
  texts: readonly string[],
  signal: AbortSignal | undefined,
): Promise<number[][] | Failure> {
  const { url, model, apiKey, dimensions, timeoutMs = 30_000, fetch = globalThis.fetch } = options
  const address = new URL(url)
  address.pathname = `${address.pathname.replace(/\/+$/, '')}/embeddings`
  // fetch refuses addresses with a password.
  const { username, password } = address
  address.username = address.password = ''
  const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')
  const timeout = AbortSignal.timeout(timeoutMs)
  // Some endpoints repeat the refused key in the refusal.
  const redacted = createSecretRedactor([apiKey, decodeURIComponent(password), password === '' ? undefined : basic])
  try {
    const response = await fetch(address, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(username !== '' && { authorization: `Basic ${basic}` }),
        // Azure reads its keys from a header of its own.
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}`, 'api-key': apiKey }),
      },
      body: JSON.stringify({ model, input: texts, encoding_format: 'float', dimensions }),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    })
    const body = await response.text()
    if (!response.ok) {
      const isRetryable = response.status === 408 || response.status === 429 || response.status >= 500
      const pauseMs = retryAfterMs(response.headers.get('retry-after'))
      const message = redacted(body.slice(0, 10_000)).slice(0, 200).replace(/\s+/g, ' ')
      return { reason: `HTTP ${response.status} ${message}`.trim(), isRetryable, pauseMs }
    }
    return vectorsOf(body, texts.length)
  } catch (error) {
    const reason = timeout.aborted ? `no answer in ${timeoutMs} ms` : redacted(reasonOf(error))
    return { reason, isRetryable: true, pauseMs: undefined }
  }
}

function vectorsOf(body: string, count: number): number[][] | Failure {
  const invalid = (reason: string): Failure => ({ reason, isRetryable: false, pauseMs: undefined })
  const read = answer.safeParse(parseJson(body))
  if (!read.success) return invalid('the answer does not have OpenAI’s format')
  const rows = read.data.data
  if (rows.length !== count) return invalid(`${rows.length} vectors for ${count} texts`)
  return rows
    .map((row, at) => ({ at: row.index ?? at, vector: row.embedding }))
    .sort((a, b) => a.at - b.at)
    .map((row) => row.vector)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message || error.cause.name}` : error.message
}
