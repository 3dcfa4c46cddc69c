import type { EventEmitter } from 'node:events'
import { type Log, loggable } from '../base/log.ts'

/**
 * Sees to errors that nobody caught, such as that of a promise which a tool did not wait for: a rejection is logged and
 * the server goes on, since the calls of all other rollouts have no part in it; after an exception it cannot know what
 * is left undone, and ends with 1. Without this Node would print the error with all that it carries, a query's
 * parameters among them. Its message stays out of the log too: nobody knows here what may stand in it.
 */
export function surviveStrays(from: EventEmitter, log: Log, end: (code: number) => void = process.exit): void {
  from.on('unhandledRejection', (error: unknown) => {
    log.error({ code: 'unhandled_rejection', cause: nameless(error) }, 'a promise was rejected that nobody waited for')
  })
  from.on('uncaughtException', (error: unknown) => {
    log.error({ code: 'uncaught_exception', cause: nameless(error) }, 'an error was thrown that nobody caught; the end')
    end(1)
  })
}

function nameless(error: unknown): Error {
  const { type, code, stack } = loggable(error, () => '')
  const bare = new Error(code ?? '')
  bare.name = type
  bare.stack = `${type}: ${bare.message}\n${stack ?? ''}`
  return bare
}
