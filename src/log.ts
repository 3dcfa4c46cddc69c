import { DrizzleQueryError } from 'drizzle-orm/errors'
import { pino } from 'pino'
import { shorten } from './shorten.ts'

/** What the server writes its log lines with; a pino logger is one. */
export interface Log {
  info(facts: Readonly<Record<string, unknown>>, message: string): void
  warn(facts: Readonly<Record<string, unknown>>, message: string): void
  error(facts: Readonly<Record<string, unknown>>, message: string): void
}

/** The levels that `LOG_LEVEL` may name, most talkative first. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const

/** Makes the log: one JSON object a line on standard output, `cause` written out by {@link loggable}. */
export function createLog(level: (typeof logLevels)[number]): Log {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { cause: (cause: unknown) => loggable(cause) },
  })
}

/** An error as the log may have it. */
export interface LoggableError {
  readonly type: string
  readonly message: string
  readonly code?: string
  readonly stack?: string
  readonly cause?: LoggableError
  readonly errors?: readonly LoggableError[]
}

/**
 * What the log says of an error: type, message, code, where it was thrown, and the same of what caused it, up to five
 * deep. Nothing else that it carries: the parameters of a query and the row that broke a rule hold items and answers.
 */
export function loggable(error: unknown, depth = 5): LoggableError {
  if (!(error instanceof Error)) return { type: typeof error, message: shorten(String(error), 500) }
  const message = error instanceof DrizzleQueryError ? `Failed query: ${error.query}` : error.message
  // The first lines of a stack repeat the message.
  const stack = error.stack?.split('\n').filter((line) => /^\s+at /.test(line))
  return {
    type: error.name,
    message: shorten(message, 2_000),
    ...('code' in error && typeof error.code === 'string' && { code: error.code }),
    ...(stack && { stack: stack.join('\n') }),
    ...(error.cause !== undefined && depth > 1 && { cause: loggable(error.cause, depth - 1) }),
    ...(error instanceof AggregateError &&
      depth > 1 && { errors: error.errors.map((one) => loggable(one, depth - 1)) }),
  }
}
