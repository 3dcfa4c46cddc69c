import { setTimeout as sleep } from 'node:timers/promises'

/** An answer of the server, read. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON; undefined if it is not. */
  readonly json: unknown
}

/** A client of one rollout, with its cookies. */
export interface Client {
  readonly post: (path: string, body: unknown) => Promise<Answer>
  /** The cookie that the next request sends; undefined if the session is lost. */
  cookie(): string | undefined
}

type Send = (path: string, init: RequestInit) => Response | Promise<Response>

/** How a client treats the cookies of answers: it keeps those of the latest answer alone, or those of the first alone. */
export type Keeping = 'latest' | 'first'

/**
 * A client as trainers have it: with `latest`, it repeats a request whose answer is lost until there is one; with `first`, it
 * repeats none.
 */
export function clientOf(send: Send, keeping: Keeping, headers: Readonly<Record<string, string>> = {}): Client {
  let cookie: string | undefined
  let answers = 0
  const sendOnce = (path: string, body: unknown) =>
    send(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers, ...(cookie !== undefined && { cookie }) },
      body: JSON.stringify(body),
    })
  const sendAgain = async (path: string, body: unknown): Promise<Response> => {
    try {
      return await sendOnce(path, body)
    } catch {
      await sleep(20)
      return await sendAgain(path, body)
    }
  }
  return {
    cookie: () => cookie,
    async post(path, body) {
      const response = await (keeping === 'latest' ? sendAgain(path, body) : sendOnce(path, body))
      answers += 1
      const [set] = response.headers.getSetCookie()
      if (keeping === 'latest' || answers === 1) cookie = set?.split(';')[0]
      const text = await response.text()
      return { status: response.status, headers: response.headers, text, json: jsonIn(text) }
    },
  }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
