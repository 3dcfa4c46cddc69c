import { spawn } from 'node:child_process'

/** The user that PostgreSQL's programs run as; `undefined` in its place means the user of this process. */
export interface Identity {
  readonly uid: number
  readonly gid: number
}

/** The result of a program: its exit code (`null` when it could not be started or was killed) and all its output. */
export interface Outcome {
  readonly code: number | null
  readonly output: string
}

const onWindows = process.platform === 'win32'

/**
 * Runs a program to its end as the given user, in a session of its own, and never rejects: for a program that cannot be
 * started, `code` is `null` and the output is the reason.
 */
export function run(command: string, args: readonly string[], identity: Identity | undefined): Promise<Outcome> {
  return new Promise((resolve) => {
    const output: Buffer[] = []
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A session of its own: Ctrl-C in the terminal must not reach the database before this process has stopped it.
      detached: !onWindows,
      windowsHide: true,
      ...identity,
      // The caller's PGDATA, PGPORT, LC_ALL and so on must not apply, and its working directory may not be accessible.
      ...(onWindows ? {} : { cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' } }),
    })
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
    child.once('error', (error) => resolve({ code: null, output: error.message }))
    child.once('close', (code) => resolve({ code, output: Buffer.concat(output).toString().trim() }))
  })
}
