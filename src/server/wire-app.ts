import { Hono } from 'hono'
import { defaultRun } from '../base/run-name.ts'
import { shorten } from '../base/text.ts'
import { RequestError } from '../kit/errors.ts'
import { type HeaderReader, pathOf } from '../wires/http.ts'
import type { WireDeps } from '../wires/wire.ts'
import type { Principal } from './auth/principal.ts'
import { createAccess, pathWithoutRun } from './http/access.ts'
import type { WirePort } from './http/wire-ports.ts'

/** What {@link wireApp} needs. */
export interface WireAppSettings {
  readonly port: Pick<WirePort, 'wire' | 'run'>
  readonly deps: WireDeps
  /** Identifies the caller of a wire whose client sends a key. */
  readonly authenticate: (headers: HeaderReader) => Promise<Principal>
  /** The addresses for a load balancer, which the port has as well. */
  readonly health: Hono
}

/**
 * Makes the app of a wire's own port, on which its addresses have no prefix and its requests belong to the port's run. A wire
 * whose client can send no key asks for none there: then the port is the only permission, for its run or the default one.
 */
export function wireApp({ port, deps, authenticate, health }: WireAppSettings): Hono {
  const { wire, run } = port
  const caller: Principal = { subject: wire.name, scopes: new Set(['tools', 'grade']), runs: [run ?? defaultRun] }
  const identify = wire.sendsKey ? authenticate : async () => caller
  const app = new Hono({ getPath: pathWithoutRun })
  app.onError((error, c) => deps.respond(c, error))
  app.notFound((c) => {
    const message = `${c.req.method} ${shorten(pathOf(c), 200)} is not an address of the wire ${wire.name}, which this port serves`
    return deps.respond(c, new RequestError(404, 'not_found', message))
  })
  app.route('/', health)
  // The public address is that of the server's own port.
  app.route('/', wire.create({ ...deps, publicUrl: undefined, allow: createAccess(identify, run) }))
  return app
}
