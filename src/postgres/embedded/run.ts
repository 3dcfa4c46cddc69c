import { spawn } from 'node:child_process'

/** The user that PostgreSQL's programs run as; `undefined` where it stands means the user of this process. */
export interface Identity {
  uid: number
  gid: number
}

/** What a program left behind: its exit code (`null` when it could not be started or was killed) and all it wrote. */
export interface Outcome {
  code: number | null
  output: string
}

const onWindows = process.platform === 'win32'

/**
 * Runs a program to its end as the given user, in its own session, and never throws: a program that cannot be started
 * gives `code: null` and the reason as its output.
 */
export function run(command: string, args: readonly string[], identity: Identity | undefined): Promise<Outcome> {
  return new Promise((resolve) => {
    const output: Buffer[] = []
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A session of its own: Ctrl-C in the terminal goes to us, and we stop the database in order.
      detached: !onWindows,
      windowsHide: true,
      ...identity,
      // The caller's PGDATA, PGPORT, LC_ALL and the like must not leak in; its working directory may be closed to them.
      ...(onWindows ? {} : { cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' } }),
    })
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
    child.once('error', (error) => resolve({ code: null, output: error.message }))
    child.once('close', (code) => resolve({ code, output: Buffer.concat(output).toString().trim() }))
  })
}
