import type { Context } from 'hono'
import { getCookie } from 'hono/cookie'
import { RequestError } from '../../kit/errors.ts'
import type { FoundAttempt } from '../../ledger/sessions.ts'
import type { Access } from '../http.ts'
import type { WireDeps } from '../wire.ts'

/** The name of the cookie that is a rollout's session. */
export const cookieName = 'sk_rollout'

/** The protocol by which a session was begun: with tools as addresses (`/seed_session`), or in steps (`/reset`). */
export type Protocol = 'tools' | 'steps'

/** A rollout as a request's cookie names it. */
export interface Session extends FoundAttempt {
  readonly protocol: Protocol
  /** How many calls of the rollout the client has the answers of: a repeated request has the same number as before. */
  readonly answered: number
}

/** What a session's cookie says. */
type Named = Pick<Session, 'protocol' | 'run' | 'rolloutId' | 'number' | 'answered'>

/** Reads and writes the cookies of sessions. */
export interface SessionCookies {
  /** Adds the cookie of a session to the answer. */
  set(c: Context, session: Named): Promise<void>
  /**
   * Finds the rollout of a request. Throws a `RequestError`: 500 `session_lost` without a cookie of this server and
   * `session_unknown` for a rollout that is not recorded, 400 and 403 for a rollout of another run.
   */
  find(c: Context, access: Access): Promise<Session>
  /** The protocol that a request's cookie names; undefined without a cookie of this server. */
  protocolOf(c: Context): Promise<Protocol | undefined>
}

/** The first field of every token of this kind: other wires sign with the same key. */
const tokenKind = 'nemo-gym'

/** Creates the reader and writer of session cookies. */
export function createSessionCookies({ tokens, sessions }: Pick<WireDeps, 'tokens' | 'sessions'>): SessionCookies {
  const read = async (c: Context): Promise<Named | undefined> => {
    const token = getCookie(c, cookieName)
    const fields = token === undefined ? undefined : await tokens.read(token)
    const [kind, protocol, run, rolloutId, number, answered] = fields ?? []
    if (kind !== tokenKind || run === undefined || rolloutId === undefined) return undefined
    const isSteps = protocol === 'steps'
    return { protocol: isSteps ? 'steps' : 'tools', run, rolloutId, number: Number(number), answered: Number(answered) }
  }
  return {
    async set(c, { protocol, run, rolloutId, number, answered }) {
      const token = await tokens.mint([tokenKind, protocol, run, rolloutId, String(number), String(answered)])
      c.header('set-cookie', cookieOf(token))
    },
    async find(c, access) {
      const named = await read(c)
      if (named === undefined) throw lost(getCookie(c, cookieName) !== undefined)
      const run = access.run(named.run)
      const found = await sessions.find({ run, rolloutId: named.rolloutId, number: named.number })
      if (found !== undefined) return { ...found, protocol: named.protocol, answered: named.answered }
      const message = 'the rollout of this session is not recorded here: it was deleted, or belongs to another database'
      throw new RequestError(500, 'session_unknown', message, { details: { run, rollout: named.rolloutId } })
    },
    protocolOf: async (c) => (await read(c))?.protocol,
  }
}

const cookieOf = (token: string) => `${cookieName}=${token}; Path=/; HttpOnly`

/** A 5xx: neither the model nor its rollout is at fault, and it gets no score. */
function lost(isUnreadable: boolean): RequestError {
  const what = isUnreadable
    ? `the cookie "${cookieName}" is not of this server`
    : `the cookie "${cookieName}" is missing`
  const message = `${what}, so the rollout is unknown: begin with /seed_session or /reset, and send back the cookie of each answer`
  return new RequestError(500, 'session_lost', message)
}

/**
 * The `Set-Cookie` that gives a request's session back unchanged, for answers that are made before the session is read;
 * undefined for a request without one. A client that replaces its cookies by those of each answer loses its session otherwise.
 */
export function returnedCookie(headers: Headers): string | undefined {
  const token = headers.get('cookie')?.match(/(?:^|;\s*)sk_rollout=([\w.-]+)/)?.[1]
  return token === undefined ? undefined : cookieOf(token)
}
