import type { Hono } from 'hono'
import { getPathNoStrict } from 'hono/utils/url'
import type { Log } from '../../base/log.ts'
import { shorten } from '../../base/text.ts'

/** Is told of requests. */
export interface RequestObserver {
  /** Is told of each request when it arrives. */
  readonly began: () => void
  /** Is told of each request when its answer begins. */
  readonly answered: (url: string, status: number, seconds: number) => void
  /** Writes the access line of the request. */
  readonly access?: ((seen: AnsweredRequest) => void) | undefined
}

/** A request whose answer begins. */
export interface AnsweredRequest {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly seconds: number
  /** The header `x-rollout-id` of the answer. */
  readonly rollout: string | undefined
}

/** Measures the requests of an app until their answers begin. */
export function observed(fetch: Hono['fetch'], { began: arrived, answered, access }: RequestObserver): Hono['fetch'] {
  const tell = (request: Request, response: Response, began: number): Response => {
    const seconds = (performance.now() - began) / 1_000
    answered(request.url, response.status, seconds)
    access?.({
      method: request.method,
      path: getPathNoStrict(request),
      status: response.status,
      seconds,
      rollout: response.headers.get('x-rollout-id') ?? undefined,
    })
    return response
  }
  return (request, ...rest) => {
    const began = performance.now()
    arrived()
    const answer = fetch(request, ...rest)
    // What is answered at once stays so: a promise for each check by a load balancer is not needed.
    if (!(answer instanceof Promise)) return tell(request, answer, began)
    return answer.then((response) => tell(request, response, began))
  }
}

/**
 * Creates the function that writes one line for a share of the requests: every tenth for 0.1. The address is written without
 * its query, and no header is, so that no key is.
 *
 * @param share more than 0, at most 1
 */
export function createAccessLog(log: Log, share: number): RequestObserver['access'] {
  let due = 0
  return ({ method, path, status, seconds, rollout }) => {
    due += share
    if (due < 1) return
    due -= 1
    const facts = {
      code: 'access',
      method,
      path: shorten(path, 200),
      status,
      ms: Math.round(seconds * 1e5) / 100,
      ...(rollout !== undefined && { rollout: decoded(rollout) }),
    }
    log.info(facts, `${facts.method} ${facts.path} ${status}`)
  }
}

/** An id is percent-encoded in a header if it has unusual characters. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
