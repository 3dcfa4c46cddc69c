import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { z } from 'zod'
import type { Answer } from '../seen.ts'

/** The trainer's timeout, in seconds: a request that takes longer counts as never answered. */
const timeoutSeconds = 60

const body = z.looseObject({
  output: z.string().optional(),
  score: z.number().optional(),
  error: z.object({ code: z.string() }).optional(),
})

/** The result of one request, and when it was fully sent: milliseconds since 1970, undefined if it never was. */
export interface Posted {
  readonly answer: Answer
  readonly sent: number | undefined
  /** The header fields of the answer; empty without one. */
  readonly headers: IncomingHttpHeaders
}

/** What a protocol adds to a request. */
export interface PostOptions {
  readonly headers?: Readonly<Record<string, string>>
  /** Reads an answer; by default JSON with an output or a score. */
  readonly read?: (status: number, text: string) => Answer
  /** Called with all of the answer's text that has arrived, after each part of it. */
  readonly onText?: (text: string) => void
}

/** Sends one request and returns the result. */
export type Post = (url: string, path: string, payload: unknown, options?: PostOptions) => Promise<Posted>

/** Creates the trainer's HTTP client, with keep-alive connections that `close` closes. */
export function createPost(): { post: Post; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: 1_000 })
  const post: Post = (url, path, payload, { headers: own = {}, read = answerOf, onText } = {}) =>
    new Promise((resolve) => {
      const text = JSON.stringify(payload)
      const length = Buffer.byteLength(text)
      const headers = { 'content-type': 'application/json', 'content-length': length, ...own }
      let sent: number | undefined
      let received: IncomingHttpHeaders = {}
      const asking = request(url + path, { method: 'POST', agent, headers }, (response) => {
        const chunks: Buffer[] = []
        received = response.headers
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          onText?.(Buffer.concat(chunks).toString())
        })
        response.on('end', () => over(read(response.statusCode ?? 0, Buffer.concat(chunks).toString())))
        response.on('error', (error) => over({ kind: 'lost', reason: error.message }))
        response.on('aborted', () => over({ kind: 'lost', reason: 'aborted' }))
      })
      const timer = setTimeout(() => {
        over({ kind: 'unanswered' })
        asking.destroy()
      }, timeoutSeconds * 1000)
      const over = (answer: Answer) => {
        clearTimeout(timer)
        resolve({ answer, sent, headers: received })
      }
      asking.once('error', (error) => over({ kind: 'lost', reason: reasonOf(error) }))
      // The requests of a burst are created faster than their connections.
      asking.once('finish', () => {
        sent = Date.now()
      })
      asking.end(text)
    })
  return { post, close: () => agent.destroy() }
}

const reasonOf = (error: Error) => ('code' in error && typeof error.code === 'string' ? error.code : error.message)

function answerOf(status: number, text: string): Answer {
  try {
    const { output, score, error } = body.parse(JSON.parse(text))
    return { kind: 'answered', status, output, score, code: error?.code }
  } catch {
    return { kind: 'lost', reason: 'the answer is not JSON' }
  }
}
