import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/**
 * Makes the directory that `DATA_DIR` names, with its parents, where it is missing; gives whether it was.
 *
 * @throws Error that names the variable, what it was and what it should be, when it cannot be made or written to.
 */
export function makeDataDirectory(dir: string): boolean {
  try {
    const isNew = make(resolve(dir))
    if (!existsSync(join(dir, 'postgres'))) accessSync(dir, constants.W_OK | constants.X_OK)
    return isNew
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(
      `DATA_DIR was "${dir}"; it must be a directory that can be made and that this user may write to: ${reason}`,
      { cause },
    )
  }
}

/** One level at a time: where nothing can be made, in /proc for instance, Node's own `recursive` tries for ever. */
function make(path: string): boolean {
  if (existsSync(path)) {
    if (!statSync(path).isDirectory()) throw new Error(`${path} is not a directory`)
    return false
  }
  make(dirname(path))
  try {
    mkdirSync(path)
    return true
  } catch (error) {
    // Another process may have made it at the same moment.
    if (!existsSync(path)) throw error
    return make(path)
  }
}
