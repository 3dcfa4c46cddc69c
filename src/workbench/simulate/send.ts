import { setTimeout as sleep } from 'node:timers/promises'

/** The most bytes of a body, in either direction: the limit of trainers. */
export const maxBodyBytes = 1_048_576

/** How one request is sent. */
export interface SendSettings {
  readonly headers: Readonly<Record<string, string>>
  /** How long the answer may take, in seconds. */
  readonly timeoutSeconds: number
  /** Reads the answer with pauses. */
  readonly slowly?: boolean | undefined
  /** Closes the connection when it aborts, as a network failure does. */
  readonly cut?: AbortSignal | undefined
}

/** The result of a request. */
export type Sent =
  | {
      readonly status: number
      readonly headers: Headers
      /** Undefined when the answer is larger than 1 MB. */
      readonly text: string | undefined
    }
  | {
      /** Why there was no answer. */
      readonly failed: 'timed_out' | 'connection_lost'
      /** The cause, such as `ECONNREFUSED`. */
      readonly cause: string
    }

/**
 * Sends one request, a POST with a body of JSON or a GET without a body, and does not follow redirects. Returns the result,
 * also when `signal` aborts; never throws.
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

/** The cause of an error of `fetch`, whose own message says only that it failed. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause !== undefined) return causeOf(error.cause)
  return 'code' in error ? `${error.code}: ${error.message}` : error.message
}

/** The text of the body, read with pauses if `slowly`; undefined when it is larger than 1 MB. */
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
