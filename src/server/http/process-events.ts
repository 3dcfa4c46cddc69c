import type { EventEmitter } from 'node:events'
import { type Log, loggable } from '../../base/log.ts'

/**
 * Handles unhandled errors, such as the rejection of a promise that a tool does not await. A rejection is logged and the
 * server continues, because the calls of other rollouts are not affected. After an uncaught exception the state of the
 * process is unknown, so it exits with 1. The error's message is left out of the log, because it may contain values.
 */
export function handleUnhandledErrors(from: EventEmitter, log: Log, exit: (code: number) => void = process.exit): void {
  from.on('unhandledRejection', (error: unknown) => {
    log.error({ code: 'unhandled_rejection', cause: withoutMessage(error) }, 'unhandled promise rejection')
  })
  from.on('uncaughtException', (error: unknown) => {
    log.error({ code: 'uncaught_exception', cause: withoutMessage(error) }, 'uncaught exception; exiting')
    exit(1)
  })
}

function withoutMessage(error: unknown): Error {
  const { type, code, stack } = loggable(error, () => '')
  const bare = new Error(code ?? '')
  bare.name = type
  bare.stack = `${type}: ${bare.message}\n${stack ?? ''}`
  return bare
}

/** A second signal within this many milliseconds is the same Ctrl-C, passed on by npm. */
const sameSignalMs = 1_000

/**
 * Runs `stop` on the first SIGTERM, SIGINT or SIGHUP, and when the parent process ends if `isUnderNpm`; then exits with 0, or
 * with 1 if `stop` rejects. A later signal exits at once with 1.
 */
export function stopOnSignals(stop: (reason: string) => Promise<void>, isUnderNpm: boolean): void {
  let stoppingSince: number | undefined
  const begin = (reason: string) => {
    stoppingSince = performance.now()
    stop(reason).then(() => process.exit(0), exitWithMessage)
  }
  const onSignal = (signal: string) => {
    if (stoppingSince === undefined) begin(signal)
    else if (performance.now() - stoppingSince > sameSignalMs) process.exit(1)
  }
  // SIGHUP arrives when a terminal is closed.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, onSignal)
  if (isUnderNpm) watchParent(() => stoppingSince === undefined && begin('the parent process ended'))
}

/** Writes the error's message to standard error and exits with 1. */
export function exitWithMessage(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}

/**
 * Calls `onGone` when the parent process has ended, checking every half second; returns the function that stops
 * watching.
 *
 * npm runs a script in a shell and sends SIGTERM to the shell alone. Many shells exit without passing it on, which would
 * leave the server running with its port and its database.
 */
export function watchParent(onGone: () => void): () => void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    onGone()
  }, 500)
  timer.unref()
  return () => clearInterval(timer)
}
