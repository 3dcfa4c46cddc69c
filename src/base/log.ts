import { DrizzleQueryError } from 'drizzle-orm/errors'
import { pino } from 'pino'
import { z } from 'zod'
import { requirementsOf } from './issues.ts'
import { shorten } from './text.ts'

/** What the server writes its log lines with; a pino logger is one. */
export interface Log {
  info(facts: Readonly<Record<string, unknown>>, message: string): void
  warn(facts: Readonly<Record<string, unknown>>, message: string): void
  error(facts: Readonly<Record<string, unknown>>, message: string): void
}

/** The levels that `LOG_LEVEL` may name, most talkative first. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const

/**
 * Makes the log: one JSON object a line on standard output, `cause` written out by {@link loggable}.
 *
 * @param redact takes out of every text of a line what must not be read
 */
export function createLog(level: (typeof logLevels)[number], redact?: (text: string) => string): Log {
  const formatters = { level: (label: string) => ({ level: label }) }
  const shared = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (redact === undefined)
    return pino({ ...shared, formatters, serializers: { cause: (cause: unknown) => loggable(cause) } })
  return pino({
    ...shared,
    formatters: {
      ...formatters,
      log: ({ cause, ...facts }) => ({ ...redacted(facts, redact), ...causeOf(cause, redact) }),
    },
    hooks: {
      logMethod([facts, message = '', ...rest], method) {
        method.apply(this, [facts, redact(message), ...rest])
      },
    },
  })
}

function causeOf(cause: unknown, redact: (text: string) => string): { readonly cause?: LoggableError } {
  return cause === undefined ? {} : { cause: loggable(cause, redact) }
}

type Facts = Readonly<Record<string, unknown>>

function redacted(facts: Facts, redact: (text: string) => string, depth = 6): Record<string, unknown> {
  const inner = (value: unknown, levels: number): unknown => {
    if (typeof value === 'string') return redact(value)
    if (typeof value !== 'object' || value === null || value instanceof Date) return value
    if (levels === 0) return '[…]'
    return Array.isArray(value)
      ? value.map((one) => inner(one, levels - 1))
      : redacted({ ...value }, redact, levels - 1)
  }
  return Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, inner(value, depth)]))
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

/** More of a message is not even looked at. */
const longestMessage = 20_000

/**
 * What the log says of an error: type, message, code, where it was thrown, and the same of what caused it, up to five
 * deep. Nothing else that it carries: the parameters of a query and the row that broke a rule hold items and answers.
 *
 * @param hide takes out of a message what must not be read
 */
export function loggable(error: unknown, hide: (text: string) => string = (text) => text, depth = 5): LoggableError {
  const said = (text: string, most: number) => shorten(hide(text.slice(0, longestMessage)), most)
  if (!(error instanceof Error)) return { type: typeof error, message: said(String(error), 500) }
  const { cause } = error
  const inner = (one: unknown) => loggable(one, hide, depth - 1)
  return {
    type: shorten(error.name, 100),
    message: said(messageOf(error), 2_000),
    ...('code' in error && typeof error.code === 'string' && { code: shorten(error.code, 100) }),
    ...(error.stack !== undefined && { stack: framesOf(error.stack, error.message) }),
    ...(cause !== undefined && depth > 1 && { cause: inner(cause) }),
    ...(error instanceof AggregateError && depth > 1 && { errors: error.errors.slice(0, 10).map(inner) }),
  }
}

function messageOf(error: Error): string {
  if (error instanceof DrizzleQueryError) return `Failed query: ${error.query}`
  if (error instanceof z.core.$ZodError) return requirementsOf(error)
  // The parser quotes a piece of what it read.
  if (error instanceof SyntaxError) return error.message.replace(/, (?:\.\.\.)?".*/s, '')
  return error.message
}

/** The lines that say where it was thrown: what comes before them repeats the message. */
function framesOf(stack: string, message: string): string {
  const start = stack.indexOf(message)
  const frames = start === -1 ? stack : stack.slice(start + message.length)
  return frames
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n')
}
