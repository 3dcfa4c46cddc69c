import { constants } from 'node:os'
import { z } from 'zod'
import type { ExecResult } from './provider.ts'

/** A result as journals keep it. */
export const resultSchema: z.ZodType<ExecResult> = z.object({
  exitCode: z.number().nullable(),
  signal: z.string().nullable(),
  stdout: z.string(),
  stderr: z.string(),
  timedOut: z.boolean(),
  truncated: z.boolean(),
})

/** The signal that an exit code above 128 stands for; null for others. */
export function signalOf(exitCode: number): string | null {
  const number = exitCode - 128
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? null
}

/** Decodes a command's output. What is not UTF-8 becomes U+FFFD; a character that the limit has cut in two is left out. */
export function decoded(bytes: Uint8Array, truncated: boolean): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: truncated })
}
