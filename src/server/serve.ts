import type { Server } from 'node:http'
import { Server as NetServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hono } from 'hono'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import { RequestError } from '../kit/errors.ts'
import { type Admission, createAdmission } from './admission.ts'
import type { AppDeps } from './app.ts'
import { createHttpServer } from './http-server.ts'

/** What {@link serve} needs. */
export interface ServeSettings {
  /** Makes the app with what it is to know of the server's life. */
  readonly makeApp: (life: Required<Pick<AppDeps, 'stopping' | 'isDraining' | 'admission' | 'atEnd'>>) => Hono
  readonly limits: Limits
  readonly log: Log
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
  /** How long a stopping server lets running requests go on, in seconds. */
  readonly drainSeconds: number
  /** For how many of these it still takes connections, while `/readyz` says no already. */
  readonly drainDelaySeconds: number
  readonly onListening: (port: number) => void
  readonly onError: (error: Error) => void
}

/**
 * How many new connections the system keeps until they are accepted, if it allows as many. A job's rollouts begin at
 * once, each with several connections: those beyond Node's 511 would try again after one second, then three, then seven.
 */
const knockers = 4_096

/**
 * Serves an app on a socket. Gives the function that stops in order: what has begun is answered, or, when the time for
 * that is over, is told to stop, gives its claims back and is answered with a 503. It resolves once nothing runs any more.
 */
export function serve(settings: ServeSettings): () => Promise<void> {
  const { makeApp, limits, log, drainSeconds, drainDelaySeconds } = settings
  const stopping = new AbortController()
  let isDraining = false
  const admission = createAdmission(limits, log)
  const endings: (() => Promise<void>)[] = []
  const atEnd = (work: () => Promise<void>) => void endings.push(work)
  const app = makeApp({ stopping: stopping.signal, isDraining: () => isDraining, admission, atEnd })
  const { server, connections } = createHttpServer(app.fetch)
  server.on('error', settings.onError)
  const { port, host } = settings
  server.listen({ port, host, backlog: knockers }, () => {
    const address = server.address()
    settings.onListening(typeof address === 'object' && address !== null ? address.port : settings.port)
  })

  return async () => {
    isDraining = true
    connections.closeAfterAnswers()
    const over = setTimeout(() => {
      stopping.abort(new RequestError(503, 'server_stopping', 'the server stops; try again', { retryAfterSeconds: 2 }))
      // Time to say so; then what does not listen is cut off.
      setTimeout(() => server.closeAllConnections(), 2_000)
    }, drainSeconds * 1000)
    // Also without a delay whoever knocks already is let in.
    await sleep(drainDelaySeconds * 1000)
    await everyoneIn(server)
    const closed = close(server)
    connections.closeQuiet(Math.min(1_000, drainSeconds * 500))
    await closed
    await emptied(admission, stopping.signal)
    await Promise.all(endings.map((work) => work()))
    clearTimeout(over)
  }
}

/**
 * Resolves once nobody waits to be accepted, or after two seconds: whose connection the system has taken and whose request
 * may be on it already, would be cut off when the server stops listening.
 */
async function everyoneIn(server: Server): Promise<void> {
  const end = performance.now() + 2_000
  let knocked = true
  const knock = () => {
    knocked = true
  }
  server.on('connection', knock)
  while (knocked && performance.now() < end) {
    knocked = false
    // More than a turn of the loop, each of which may accept but one.
    await sleep(20)
  }
  server.off('connection', knock)
}

/** Stops listening, and resolves once the last connection is closed; the one of HTTP would cut off the idle ones at once. */
const close = (server: Server) =>
  new Promise<void>((resolve) => {
    NetServer.prototype.close.call(server, () => resolve())
  })

/** Waits for what still runs though nobody waits for its answer; once it was told to stop, for three seconds more. */
async function emptied(admission: Admission, stopping: AbortSignal): Promise<void> {
  for (let turns = 0; admission.inFlight > 0 && turns < 60; await sleep(50)) if (stopping.aborted) turns += 1
}
