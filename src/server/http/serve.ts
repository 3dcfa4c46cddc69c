import type { Server } from 'node:http'
import { Server as NetServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hono } from 'hono'
import type { Limits } from '../../base/limits.ts'
import type { Log } from '../../base/log.ts'
import { RequestError } from '../../kit/errors.ts'
import type { AppDeps } from '../app-deps.ts'
import { type Admission, admitting, createAdmission } from './admission.ts'
import { type CallServices, createDirectCalls, type DirectCalls } from './direct-calls.ts'
import { createHttpServer } from './http-server.ts'
import { observed, type RequestObserver } from './observed-requests.ts'
import type { WirePort } from './wire-ports.ts'

/** What {@link serve} needs. */
export interface ServeSettings {
  /** Makes the app, connected to the state of the process. */
  readonly makeApp: (
    life: Required<Pick<AppDeps, 'stopping' | 'isDraining' | 'admission' | 'atEnd' | 'serveCalls' | 'servePort'>>,
  ) => Hono
  readonly limits: Limits
  readonly log: Log
  /** Is told of requests. */
  readonly observer?: RequestObserver | undefined
  /** Is told of each request that is refused because the server is at capacity. */
  readonly onTurnedAway?: (() => void) | undefined
  /** The port for `/metrics` alone, with its app; the server's own by default. */
  readonly metrics?: { readonly port: number; readonly app: Hono } | undefined
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  /** How long a stopping server waits for running requests, in seconds. */
  readonly drainSeconds: number
  /** For how many of these it still accepts connections, while `/readyz` already answers 503. */
  readonly drainDelaySeconds: number
  /** Called once all ports are open, with the server's own, those of its wires and that of the metrics. */
  readonly onListening: (port: number, wirePorts: readonly WirePort[], metricsPort: number | undefined) => void
  /** Called with the place that cannot be listened on, or whose server failed later. */
  readonly onError: (error: Error, place: Place) => void
}

/** An address and a port of this machine. */
export interface Place {
  readonly host: string
  readonly port: number
}

/**
 * How many new connections the system queues until they are accepted, if it allows as many. A job's rollouts begin at
 * once, each with several connections: those beyond Node's 511 would retry after one second, then three, then seven.
 */
const backlog = 4_096

/**
 * Serves an app on a socket, and its wires on ports of their own. Returns the function that stops all of it gracefully:
 * running requests are answered, or, when their time is over, aborted, so that they release their claims and are answered
 * with a 503. It resolves once nothing runs.
 */
export function serve(settings: ServeSettings): () => Promise<void> {
  const { makeApp, limits, log, observer, host, port, drainSeconds, drainDelaySeconds } = settings
  const stopping = new AbortController()
  let isDraining = false
  const admission = createAdmission(limits, log, settings.onTurnedAway)
  const endings: (() => Promise<void>)[] = []
  const atEnd = (work: () => Promise<void>) => void endings.push(work)
  const wires: { readonly port: WirePort; readonly app: Hono }[] = []
  const servePort = (port: WirePort, app: Hono) => void wires.push({ port, app })
  let calls: DirectCalls | undefined
  const serveCalls = (services: CallServices) => {
    calls = createDirectCalls(services, admission, observer)
  }
  const isDrainingNow = () => isDraining
  const life = { stopping: stopping.signal, isDraining: isDrainingNow, admission, atEnd, serveCalls, servePort }
  const app = makeApp(life)

  const listen = (app: Hono, place: Place, direct?: DirectCalls) => {
    const fetch = admitting(app, admission)
    const { server, connections } = createHttpServer(observer ? observed(fetch, observer) : fetch, { direct })
    server.on('error', (error) => settings.onError(error, place))
    const opened = new Promise<number>((resolve) => {
      server.listen({ port: place.port, host: place.host, backlog }, () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : place.port)
      })
    })
    return { server, connections, opened }
  }
  const own = listen(app, { host, port }, calls)
  const ofWires = wires.map(({ port, app }) => ({ port, ...listen(app, port) }))
  const { metrics } = settings
  const ofMetrics = metrics && listen(metrics.app, { host, port: metrics.port })
  const listeners = [own, ...ofWires, ...(ofMetrics ? [ofMetrics] : [])]
  const openedPorts = ofWires.map(async ({ port, opened }) => ({ ...port, port: await opened }))
  const opened = Promise.all([own.opened, ofMetrics?.opened, ...openedPorts])
  void opened.then(([port, metricsPort, ...ports]) => settings.onListening(port, ports, metricsPort))

  return async () => {
    isDraining = true
    for (const { connections } of listeners) connections.closeAfterAnswers()
    const over = setTimeout(() => {
      stopping.abort(
        new RequestError(503, 'server_stopping', 'the server is stopping; try again', { retryAfterSeconds: 2 }),
      )
      // Time to send these answers; then requests that ignore the abort are cut off.
      setTimeout(() => {
        for (const { server } of listeners) server.closeAllConnections()
      }, 2_000)
    }, drainSeconds * 1000)
    // Even without a delay, connections that already wait are accepted.
    await sleep(drainDelaySeconds * 1000)
    await Promise.all(listeners.map(({ server }) => acceptWaiting(server)))
    const closed = listeners.map(({ server }) => close(server))
    for (const { connections } of listeners) connections.closeQuiet(Math.min(1_000, drainSeconds * 500))
    await Promise.all(closed)
    await emptied(admission, stopping.signal)
    await Promise.all(endings.map((work) => work()))
    clearTimeout(over)
  }
}

/**
 * Resolves once no connection waits to be accepted, or after two seconds. One that the system has queued may carry a request
 * already, and would be cut off when the server stops listening.
 */
async function acceptWaiting(server: Server): Promise<void> {
  const end = performance.now() + 2_000
  let hasNew = true
  const onConnection = () => {
    hasNew = true
  }
  server.on('connection', onConnection)
  while (hasNew && performance.now() < end) {
    hasNew = false
    // More than one turn of the event loop, each of which may accept only one.
    await sleep(20)
  }
  server.off('connection', onConnection)
}

/** Stops listening, and resolves once the last connection is closed. HTTP's own `close` would cut off idle ones at once. */
const close = (server: Server) =>
  new Promise<void>((resolve) => {
    NetServer.prototype.close.call(server, () => resolve())
  })

/** Waits for work whose client has gone; after the abort, for three more seconds. */
async function emptied(admission: Admission, stopping: AbortSignal): Promise<void> {
  for (let turns = 0; admission.inFlight > 0 && turns < 60; await sleep(50)) if (stopping.aborted) turns += 1
}
