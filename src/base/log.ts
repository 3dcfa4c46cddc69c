import { DrizzleQueryError } from 'drizzle-orm/errors'
import { pino } from 'pino'
import { z } from 'zod'
import { requirementsOf } from './issues.ts'
import { shorten } from './text.ts'

/** The server's logger; implemented by pino. */
export interface Log {
  /** Absent from loggers that write no such lines. */
  debug?(facts: Readonly<Record<string, unknown>>, message: string): void
  info(facts: Readonly<Record<string, unknown>>, message: string): void
  warn(facts: Readonly<Record<string, unknown>>, message: string): void
  error(facts: Readonly<Record<string, unknown>>, message: string): void
}

/** The values of `LOG_LEVEL`, most verbose first. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const

/**
 * Creates the logger: one JSON object per line on standard output, with `cause` serialized by {@link loggable}.
 *
 * @param redact removes secrets from every string of a line
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

/** An error as it is logged. */
export interface LoggableError {
  readonly type: string
  readonly message: string
  readonly code?: string
  readonly stack?: string
  readonly cause?: LoggableError
  readonly errors?: readonly LoggableError[]
}

/** Messages are cut to this length before they are redacted. */
const longestMessage = 20_000

/**
 * The loggable part of an error: type, message, code and stack, and those of its causes, up to five deep. Other
 * properties are left out: query parameters and rows that violate a constraint hold items and answers.
 *
 * @param redact removes secrets from a message
 */
export function loggable(error: unknown, redact: (text: string) => string = (text) => text, depth = 5): LoggableError {
  const safeText = (text: string, most: number) => shorten(redact(text.slice(0, longestMessage)), most)
  if (!(error instanceof Error)) return { type: typeof error, message: safeText(String(error), 500) }
  const { cause } = error
  const inner = (one: unknown) => loggable(one, redact, depth - 1)
  return {
    type: shorten(error.name, 100),
    message: safeText(messageOf(error), 2_000),
    ...('code' in error && typeof error.code === 'string' && { code: shorten(error.code, 100) }),
    ...(error.stack !== undefined && { stack: framesOf(error.stack, error.message) }),
    ...(cause !== undefined && depth > 1 && { cause: inner(cause) }),
    ...(error instanceof AggregateError && depth > 1 && { errors: error.errors.slice(0, 10).map(inner) }),
  }
}

function messageOf(error: Error): string {
  if (error instanceof DrizzleQueryError) return `Failed query: ${error.query}`
  if (error instanceof z.core.$ZodError) return requirementsOf(error)
  // The parser quotes part of its input.
  if (error instanceof SyntaxError) return error.message.replace(/, (?:\.\.\.)?".*/s, '')
  return error.message
}

/** The stack frames without the message, which comes before them. */
function framesOf(stack: string, message: string): string {
  const start = stack.indexOf(message)
  const frames = start === -1 ? stack : stack.slice(start + message.length)
  return frames
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n')
}
