import { constants } from 'node:os'
import { z } from 'zod'
import { type ExecResult, SandboxError } from './provider.ts'

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

/** The exit code of a command whose working folder cannot be entered. */
export const noFolderExit = 126

/** What a command prints whose working folder cannot be entered. */
export function noFolder(cwd: string): string {
  return `the working folder ${cwd} does not exist or cannot be entered\n`
}

/**
 * A line for a shell script that enters the folder `$1`, unless that is empty, or ends with {@link noFolderExit}; `$2` is how
 * the caller named it. See {@link folderArguments}.
 */
export const enterFolder = `[ -z "$1" ] || CDPATH= cd -- "$1" 2>/dev/null || { printf %s "$2" >&2; exit ${noFolderExit}; }`

/** The arguments of {@link enterFolder}. */
export function folderArguments(cwd = ''): readonly [string, string] {
  // The shell takes `-` for the folder before.
  return [cwd === '' || cwd.startsWith('/') ? cwd : `./${cwd}`, noFolder(cwd)]
}

/** Decodes a command's output. What is not UTF-8 becomes U+FFFD; a character that the limit has cut in two is left out. */
export function decoded(bytes: Uint8Array, truncated: boolean): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: truncated })
}

/** The exit code by which the scripts for files say that the path is to blame; no program that they start ends with it. */
const refusedExit = 66
const refuse = `refuse() { echo "$1" >&2; exit ${refusedExit}; }`

/** A command that writes the file `$1` to its standard output, if it is a file of at most `$2` bytes. See {@link fileFailure}. */
export const readScript: readonly string[] = [
  'sh',
  '-c',
  `
${refuse}
[ -e "$1" ] || refuse "$1 does not exist"
[ -f "$1" ] || refuse "$1 is not a file"
[ -r "$1" ] || refuse "$1 cannot be read"
size=$(stat -L -c %s -- "$1") || exit 1
[ "$size" -le "$2" ] || refuse "$1 has more than $2 bytes"
exec head -c "$2" -- "$1"
`,
  'read',
]

/** A command that writes its standard input to the file `$1`, and makes the folders above it. See {@link fileFailure}. */
export const writeScript: readonly string[] = [
  'sh',
  '-c',
  `
${refuse}
case $1 in '' | */) refuse "$1 is a folder" ;; esac
[ ! -d "$1" ] || refuse "$1 is a folder"
[ ! -e "$1" ] || [ -f "$1" ] || refuse "$1 is not a file"
# What exists of the path.
at=$1
until [ -e "$at" ] || [ -L "$at" ]; do
  case $at in
    */*) at=\${at%/*}; [ -n "$at" ] || at=/ ;;
    *) at=. ;;
  esac
done
if [ "$at" = "$1" ]; then
  [ -w "$1" ] || refuse "$1 cannot be written"
else
  [ -d "$at" ] || refuse "$at is not a folder"
  [ -w "$at" ] && [ -x "$at" ] || refuse "nothing can be written to the folder $at"
  case $1 in */*) mkdir -p -- "\${1%/*}/" || exit 1 ;; esac
fi
exec cat > "$1"
`,
  'write',
]

/**
 * The error that the end of {@link readScript} or {@link writeScript} stands for: `refused` if the script says that the path is
 * to blame, or the sandbox has no room for the file; the model reads it as its own fault. Any other end is a failure of ours.
 */
export function fileFailure({
  exitCode,
  signal,
  timedOut,
  stderr,
}: Omit<ExecResult, 'stdout' | 'truncated'>): SandboxError {
  const reason = stderr.trim().slice(0, 500)
  if (exitCode === refusedExit) return new SandboxError('refused', reason)
  if (signal === 'SIGXFSZ') return new SandboxError('refused', 'the file is larger than the sandbox allows')
  if (exitCode === null && !timedOut)
    return new SandboxError('refused', `the sandbox has no room for the file: ${reason}`)
  const end = timedOut ? 'it took too long' : `exit code ${exitCode}`
  return new SandboxError('unavailable', `a file could not be read or written (${end}): ${reason}`)
}
