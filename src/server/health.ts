import { Hono } from 'hono'
import { withDeadline } from '../base/deadline.ts'
import { RequestError } from '../kit/errors.ts'
import type { ErrorResponder } from '../wires/error-response.ts'
import { onlyBy } from '../wires/http.ts'

/** What {@link healthAddresses} needs. */
export interface HealthSettings {
  /** Whether the server is about to stop, so that no new requests should be sent to it. */
  readonly isDraining: () => boolean
  readonly admission: { readonly isOverloaded: boolean }
  /** Whether the database has all migrations; throws when it is unavailable. */
  readonly isMigrated: () => Promise<boolean>
  readonly respond: ErrorResponder
}

/** The addresses that a load balancer asks: `/healthz` while the process runs, `/readyz` while it can serve requests. */
export function healthAddresses({ isDraining, admission, isMigrated, respond }: HealthSettings): Hono {
  const app = new Hono()
  app.onError((error, c) => respond(c, error))
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    if (isDraining()) throw new RequestError(503, 'server_stopping', 'the server is stopping', { retryAfterSeconds: 2 })
    if (admission.isOverloaded) {
      throw new RequestError(503, 'overloaded', 'too many requests are in flight', { retryAfterSeconds: 2 })
    }
    const late = () =>
      new RequestError(503, 'database_unavailable', 'the database does not answer', { retryAfterSeconds: 2 })
    const migrated = await withDeadline({ seconds: 3, late }, isMigrated).catch((cause: unknown) => {
      throw new RequestError(503, 'database_unavailable', 'the database is unavailable', {
        cause,
        retryAfterSeconds: 2,
      })
    })
    if (migrated) return c.json({ status: 'ready' })
    throw new RequestError(503, 'database_not_migrated', 'the database lacks migrations', { retryAfterSeconds: 5 })
  })
  // Not `all`, with which Hono would no longer answer a GET synchronously.
  app.on(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'], ['/healthz', '/readyz'], onlyBy('GET, HEAD'))
  return app
}
