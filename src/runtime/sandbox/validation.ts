import { ToolError } from '../../kit/errors.ts'
import type { ExecRequest } from './provider.ts'

/** The kernel's limit of one argument, or of one variable with its name, in bytes. */
const longestArgument = 131_071
/** The limit of all of them, in bytes: below the kernel's, because commands are started through others. */
const longestCommand = 1_000_000
/** The kernel's limits of a path and of a name in it, in bytes. */
const [longestPath, longestName] = [4_095, 255]
/** The longest timeout of a command, in seconds. */
const longestSeconds = 86_400

/**
 * Checks a command before it is sent to any provider, so that all of them answer alike.
 *
 * @throws ToolError if text that the model may have written cannot be part of a command; TypeError if an argument of the
 * tool's or grader's own is invalid.
 */
export function checkCommand({
  argv,
  cwd,
  env = {},
  timeoutSeconds,
  maxOutputBytes,
}: Pick<ExecRequest, 'argv' | 'cwd' | 'env' | 'timeoutSeconds' | 'maxOutputBytes'>): void {
  if (argv.length === 0) throw new TypeError('argv is empty: it begins with the program to run')
  if (!(timeoutSeconds > 0 && timeoutSeconds <= longestSeconds)) {
    throw new TypeError(`timeoutSeconds is ${timeoutSeconds}: it must be above 0, and at most ${longestSeconds}`)
  }
  if (!Number.isSafeInteger(maxOutputBytes) || maxOutputBytes < 0) {
    throw new TypeError(`maxOutputBytes is ${maxOutputBytes}: it must be a whole number, and not negative`)
  }
  for (const name of Object.keys(env)) {
    if (/^[A-Za-z_]\w*$/.test(name)) continue
    throw new TypeError(`env has the invalid name ${JSON.stringify(name)}: use letters, digits and _, no digit first`)
  }
  let total = 0
  const check = (what: string, text: string) => {
    if (text.includes('\0')) throw new ToolError(`${what} contains the character U+0000, which no command can have`)
    const bytes = Buffer.byteLength(text)
    total += bytes
    if (bytes <= longestArgument && total <= longestCommand) return
    const limit = bytes > longestArgument ? `may have ${longestArgument}` : 'is too long with what precedes it'
    throw new ToolError(`${what} has ${bytes} bytes and ${limit}: write what is long to a file, or shorten it`)
  }
  for (const [at, argument] of argv.entries())
    check(at === 0 ? 'the program' : `argument ${at} of the command`, argument)
  for (const [name, value] of Object.entries(env)) check(`the variable ${name}`, `${name}=${value}`)
  if (cwd !== undefined) checkPath('the working folder', cwd)
}

/** Checks the path of a file or folder in a sandbox. Throws a {@link ToolError} if no file can have it. */
export function checkPath(what: string, path: string): void {
  if (path === '') throw new ToolError(`${what} is empty`)
  if (path.includes('\0')) throw new ToolError(`${what} contains the character U+0000, which no path can have`)
  if (Buffer.byteLength(path) > longestPath) throw new ToolError(`${what} has more than ${longestPath} bytes`)
  if (path.split('/').some((name) => Buffer.byteLength(name) > longestName)) {
    throw new ToolError(`${what} has a name of more than ${longestName} bytes`)
  }
}
