import { pino } from 'pino'

/** What the server writes its log lines with; a pino logger is one. */
export interface Log {
  info(facts: Readonly<Record<string, unknown>>, message: string): void
  warn(facts: Readonly<Record<string, unknown>>, message: string): void
  error(facts: Readonly<Record<string, unknown>>, message: string): void
}

/** The levels that `LOG_LEVEL` may name, most talkative first. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const

/** Makes the log: one JSON object a line on standard output, `cause` written out as an error with its stack. */
export function createLog(level: (typeof logLevels)[number]): Log {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { cause: pino.stdSerializers.errWithCause },
  })
}
