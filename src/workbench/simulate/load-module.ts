import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * Loads a module of the user's by its path.
 *
 * Throws an Error that says what to do where the file is not there or Node does not run it, and whatever the module throws.
 */
export async function loadModule(path: string): Promise<unknown> {
  if (!existsSync(path)) throw new Error(`there is no file ${path}`)
  try {
    return await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION')) throw error
    const advice = 'run the command as `npm run scorekeeper -- …`, or give it compiled'
    throw new Error(`${path} is TypeScript, which this Node does not run by itself: ${advice}`, { cause: error })
  }
}
