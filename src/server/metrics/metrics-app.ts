import { Hono } from 'hono'
import { type Metrics, metricsType } from '../../base/metrics.ts'
import { AuthError } from '../../kit/errors.ts'
import type { ErrorResponder } from '../../wires/error-response.ts'
import { type HeaderReader, onlyBy } from '../../wires/http.ts'
import { type Principal, requireScope } from '../auth/principal.ts'

/** What {@link metricsApp} needs. */
export interface MetricsAppSettings {
  readonly metrics: Pick<Metrics, 'text'>
  readonly authenticate: (headers: HeaderReader) => Promise<Principal>
  readonly respond: ErrorResponder
}

/** The address `/metrics`, for a key with the scope `metrics` or `read` that is bound to no run: the numbers are those of all runs. */
export function metricsApp({ metrics, authenticate, respond }: MetricsAppSettings): Hono {
  const app = new Hono()
  app.onError((error, c) => respond(c, error))
  app.get('/metrics', async (c) => {
    const principal = await authenticate(c.req.raw.headers)
    requireScope(principal, 'metrics', 'read')
    if (principal.runs !== undefined) throw boundKey(principal)
    return c.body(await metrics.text(), 200, { 'content-type': metricsType, 'cache-control': 'no-store' })
  })
  app.on(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'], '/metrics', onlyBy('GET, HEAD'))
  return app
}

function boundKey({ subject }: Principal): AuthError {
  const problem = 'The metrics are those of all runs, and the token in use is bound to some.'
  return new AuthError('run_forbidden', problem, 'Use one that is bound to no run.', { details: { subject } })
}
