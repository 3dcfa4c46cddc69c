import { setTimeout as sleep } from 'node:timers/promises'

/** The most bytes of a body, each way; trainers say so. */
export const maxBodyBytes = 1_048_576

/** How one request is sent. */
export interface SendSettings {
  readonly headers: Readonly<Record<string, string>>
  /** How long the answer may take, in seconds. */
  readonly timeoutSeconds: number
  /** Has the answer read with pauses. */
  readonly slowly?: boolean | undefined
  /** Cuts the connection when it aborts, as a network does. */
  readonly cut?: AbortSignal | undefined
}

/** What a request that was sent came to. */
export type Sent =
  | {
      readonly status: number
      readonly headers: Headers
      /** Undefined when the answer is larger than 1 MB. */
      readonly text: string | undefined
    }
  | {
      /** There was no answer: `timed_out` or `connection_lost`. */
      readonly failed: 'timed_out' | 'connection_lost'
      /** What the network says of it, such as `ECONNREFUSED`. */
      readonly cause: string
    }

/**
 * Posts a body of JSON, or gets where there is none, once, and follows no redirect. Gives what came of it, also when `signal`
 * aborts; never throws.
 */
export async function send(
  url: string,
  body: string | undefined,
  settings: SendSettings,
  signal: AbortSignal,
): Promise<Sent> {
  const { headers, timeoutSeconds, slowly = false, cut } = settings
  const limit = AbortSignal.timeout(timeoutSeconds * 1000)
  try {
    const response = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body }),
      redirect: 'manual',
      signal: AbortSignal.any([signal, limit, ...(cut ? [cut] : [])]),
    })
    return { status: response.status, headers: response.headers, text: await read(response, slowly) }
  } catch (error) {
    return { failed: limit.aborted ? 'timed_out' : 'connection_lost', cause: causeOf(error) }
  }
}

/** What is behind an error of `fetch`, which itself says no more than that it failed. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause !== undefined) return causeOf(error.cause)
  return 'code' in error ? `${error.code}: ${error.message}` : error.message
}

/** The body's text, read a little at a time where that is asked for; undefined when it is larger than 1 MB. */
async function read(response: Response, slowly: boolean): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > maxBodyBytes) return undefined
    chunks.push(chunk)
    if (slowly) await sleep(100)
  }
  return Buffer.concat(chunks).toString('utf8')
}
