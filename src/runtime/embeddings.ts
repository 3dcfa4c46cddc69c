import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { retryAfterMs } from '../base/retry-after.ts'
import type { Embed } from '../kit/environment.ts'

/** Where vectors come from, and how patiently they are asked for. */
export interface EmbeddingsOptions {
  /** The base address, such as `https://api.openai.com/v1`; a query string in it is kept. */
  readonly url: string
  readonly model: string
  readonly apiKey?: string | undefined
  /** Asks for shorter vectors, where the model can. */
  readonly dimensions?: number | undefined
  /** Texts a request, 64 when left out. */
  readonly batchSize?: number
  /** How often one request is tried, 5 when left out. */
  readonly attempts?: number
  /** The first pause between two tries, in milliseconds, 500 when left out; each later one is twice as long. */
  readonly pauseMs?: number
  /** How long one try may take, in milliseconds, 30,000 when left out. */
  readonly timeoutMs?: number
  readonly fetch?: typeof fetch
  /** Waits so many milliseconds; rejects when the signal aborts. */
  readonly wait?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>
}

const longestPauseMs = 60_000

const answer = z.object({
  data: z.array(z.object({ index: z.number().int().optional(), embedding: z.array(z.number()).min(1) })),
})

/** A try that failed; `pauseMs` is how long the endpoint asked to be left alone, undefined for no wish. */
interface Failure {
  readonly why: string
  readonly again: boolean
  readonly pauseMs: number | undefined
}

/**
 * Makes the function that turns texts into vectors by `POST {url}/embeddings`, OpenAI's shape: in batches, one after
 * the other, tried again after a network error, a 408, a 429 or a 5xx, no sooner than `Retry-After` asks for.
 *
 * The function throws an Error that names the address and the reason when the endpoint cannot answer, and what the
 * signal says when that aborts it.
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
    if (!result.again || attempt >= attempts) {
      const address = new URL(options.url)
      const tried = attempt > 1 ? ` after ${attempt} tries` : ''
      throw new Error(`no embeddings from ${address.origin}${address.pathname}${tried}: ${result.why}`)
    }
    const backOff = pauseMs * 2 ** (attempt - 1) * (0.75 + Math.random() / 2)
    await wait(Math.min(Math.max(backOff, result.pauseMs ?? 0), longestPauseMs), signal)
  }
}

const sleepFor = (milliseconds: number, signal: AbortSignal | undefined) => sleep(milliseconds, undefined, { signal })

async function ask(
  options: EmbeddingsOptions,
  texts: readonly string[],
  signal: AbortSignal | undefined,
): Promise<number[][] | Failure> {
  const { url, model, apiKey, dimensions, timeoutMs = 30_000, fetch = globalThis.fetch } = options
  const address = new URL(url)
  address.pathname = `${address.pathname.replace(/\/+$/, '')}/embeddings`
  // fetch refuses addresses with a password in them.
  const { username, password } = address
  address.username = address.password = ''
  const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')
  const timeout = AbortSignal.timeout(timeoutMs)
  // Some endpoints repeat in a refusal the key that they refuse.
  const keys = [apiKey, decodeURIComponent(password), password === '' ? '' : basic].filter((key) => key !== undefined)
  const unkeyed = (text: string) => keys.reduce((left, key) => (key === '' ? left : left.replaceAll(key, '[…]')), text)
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
      const again = response.status === 408 || response.status === 429 || response.status >= 500
      const pauseMs = retryAfterMs(response.headers.get('retry-after'))
      const said = unkeyed(body.slice(0, 10_000)).slice(0, 200).replace(/\s+/g, ' ')
      return { why: `HTTP ${response.status} ${said}`.trim(), again, pauseMs }
    }
    return vectorsOf(body, texts.length)
  } catch (error) {
    const why = timeout.aborted ? `no answer in ${timeoutMs} ms` : unkeyed(reasonOf(error))
    return { why, again: true, pauseMs: undefined }
  }
}

function vectorsOf(body: string, count: number): number[][] | Failure {
  const wrong = (why: string): Failure => ({ why, again: false, pauseMs: undefined })
  const read = answer.safeParse(parseJson(body))
  if (!read.success) return wrong('the answer is not what OpenAI’s API answers')
  const rows = read.data.data
  if (rows.length !== count) return wrong(`${rows.length} vectors for ${count} texts`)
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
