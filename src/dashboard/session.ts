import { createHash } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { coversRun } from '../base/run-name.ts'

/** Who looks at the dashboard. */
export interface Viewer {
  /** The key's name, or the token's subject. */
  readonly name: string
  /** The names and patterns of the runs that they may see; undefined for all. */
  readonly runs: readonly string[] | undefined
  /** Whether they may see what graders see: the reference answers of items. */
  readonly seesReference: boolean
}

/** Whether a viewer may see a run. */
export const maySee = ({ runs }: Viewer, run: string): boolean => runs === undefined || coversRun(runs, run)

/** The name of the cookie; it is sent to the dashboard alone. */
export const sessionCookie = 'scorekeeper_session'

/** How long a session lasts, in seconds. */
export const sessionSeconds = 43_200

const claims = z.object({
  sub: z.string(),
  runs: z.array(z.string()).optional(),
  reference: z.boolean(),
})

/** Signs who has logged in, and reads it again. */
export interface Sessions {
  /** @param endsAt when it ends at the latest, in seconds since 1970 */
  sign(viewer: Viewer, endsAt?: number): Promise<string>
  /** Returns undefined for a session that is over, or was signed by another installation or before the keys changed. */
  read(cookie: string): Promise<Viewer | undefined>
}

/**
 * Creates the sessions. All replicas have the same `key`. The `keys` of the server are part of the signature, so that a
 * session ends when they change.
 */
export function createSessions(key: () => Promise<Uint8Array>, keys: readonly string[]): Sessions {
  const secret = async () => {
    const all = createHash('sha256').update(await key())
    for (const one of [...keys].sort()) all.update(`\n${one}`)
    return all.digest()
  }
  return {
    async sign({ name, runs, seesReference }, endsAt = Number.POSITIVE_INFINITY) {
      return await new SignJWT({ ...(runs && { runs: [...runs] }), reference: seesReference })
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(name)
        .setAudience('dashboard')
        .setIssuedAt()
        .setExpirationTime(Math.floor(Math.min(endsAt, Date.now() / 1_000 + sessionSeconds)))
        .sign(await secret())
    },
    async read(cookie) {
      const verified = await jwtVerify(cookie, await secret(), { algorithms: ['HS256'], audience: 'dashboard' }).catch(
        (error: unknown) => {
          if (error instanceof errors.JOSEError) return undefined
          throw error
        },
      )
      const read = claims.safeParse(verified?.payload)
      if (!read.success) return undefined
      return { name: read.data.sub, runs: read.data.runs, seesReference: read.data.reference }
    },
  }
}

/**
 * Whether a request that changes something comes from a page of this server. Browsers send `Sec-Fetch-Site`; older ones an
 * `Origin`, whose host must be that of the request.
 */
export function isOwnRequest(headers: Headers): boolean {
  const site = headers.get('sec-fetch-site')
  if (site !== null) return site === 'same-origin' || site === 'none'
  const origin = headers.get('origin')
  if (origin === null) return false
  return URL.canParse(origin) && new URL(origin).host === headers.get('host')
}

/**
 * Whether a request is a click on a link of another site or of a file, such as a message about an alarm. A browser sends it
 * without the cookie, which is strict.
 */
export function isFromElsewhere({ method, headers }: Request): boolean {
  const site = headers.get('sec-fetch-site')
  return (
    method === 'GET' && headers.get('sec-fetch-mode') === 'navigate' && (site === 'cross-site' || site === 'same-site')
  )
}
