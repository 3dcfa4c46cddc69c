import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inject } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What a program printed and how it ended. */
export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A file of the compiled project. */
export const compiled = (path: string): string => join(inject('compiled'), path)

/** The arguments of Node that run the program `scorekeeper` with the test environment, in the project's folder. */
export const scorekeeperArgs = (...args: readonly string[]) => [compiled('test/environment/scorekeeper.js'), ...args]

/** The working directory for {@link scorekeeperArgs}. */
export const scorekeeperFolder = root

/** Runs the program `scorekeeper` in a process of its own, with no variable of this environment but PATH. */
export function scorekeeper(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const options = {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production', ...env },
    maxBuffer: 64 * 1024 * 1024,
  }
  return new Promise((resolve) => {
    execFile(process.execPath, scorekeeperArgs(...args), options, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, out, err }),
    )
  })
}
