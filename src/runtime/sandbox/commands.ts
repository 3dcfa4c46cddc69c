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

/** A command that writes the file `$1` to its standard output, if it is a file of at most `$2` bytes. */
export const readScript: readonly string[] = [
  'sh',
  '-c',
  `
[ -e "$1" ] || { echo "$1 does not exist" >&2; exit 1; }
[ -f "$1" ] || { echo "$1 is not a file" >&2; exit 1; }
[ "$(stat -L -c %s -- "$1")" -le "$2" ] || { echo "$1 has more than $2 bytes" >&2; exit 1; }
exec head -c "$2" -- "$1"
`,
  'read',
]

/** A command that writes its standard input to the file `$1`, and makes the folders above it. */
export const writeScript: readonly string[] = [
  'sh',
  '-c',
  'mkdir -p -- "$(dirname -- "$1")" && exec cat > "$1"',
  'write',
]
