import { access, constants } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'

/** What surrounds the interpreter, strongest first; see {@link confinements}. */
export type Isolation = 'namespaces' | 'no new privileges' | 'limits alone'

/** One way to start the interpreter. */
export interface Confinement {
  readonly isolation: Isolation
  /** What stands before the interpreter on the command line. */
  readonly before: readonly string[]
  readonly identity: { readonly uid: number; readonly gid: number } | undefined
}

/** Where a command without a folder is looked for: nothing of the server's environment is asked or handed on. */
const folders = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/opt/homebrew/bin',
] as const

/** All that the code finds in its environment: the numeric libraries start no threads, which are not allowed. */
export const environment = {
  PATH: folders.join(':'),
  LANG: 'C.UTF-8',
  OMP_NUM_THREADS: '1',
  OPENBLAS_NUM_THREADS: '1',
  MKL_NUM_THREADS: '1',
} as const

/** A user that owns nothing, and is not `nobody`, as whom databases and web servers run. */
const stranger = 65_533

/** The absolute path of a command, or undefined when no such program can be executed. */
export async function findCommand(command: string): Promise<string | undefined> {
  const places = isAbsolute(command) ? [command] : folders.map((folder) => join(folder, command))
  for (const place of places) {
    const found = await access(place, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return place
  }
  return undefined
}

/**
 * The ways to start the interpreter, strongest first; which of them a machine allows is found by trying. The strong ones give it
 * a network, a process table and a `/proc` of its own, with nothing and nobody in them, and it dies with its parent. Root
 * never runs it as root.
 *
 * @see https://man7.org/linux/man-pages/man1/unshare.1.html
 */
export function confinements(asRoot: boolean): readonly Confinement[] {
  const identity = asRoot ? { uid: stranger, gid: stranger } : undefined
  const tied = ['setpriv', '--no-new-privs', '--pdeathsig=KILL']
  const apart = ['--net', '--ipc', '--pid', '--fork', '--kill-child=KILL']
  const toStranger = ['setpriv', `--reuid=${stranger}`, `--regid=${stranger}`, '--clear-groups', '--pdeathsig=KILL']
  const named = (before: readonly string[]): Confinement => ({ isolation: 'namespaces', before, identity })
  const byRoot: Confinement = {
    isolation: 'namespaces',
    before: [...tied, 'unshare', ...apart, '--mount-proc', ...toStranger, '--bounding-set=-all', '--inh-caps=-all'],
    identity: undefined,
  }
  return [
    // No user is mapped into the namespace, so that exec drops every capability in it.
    named([...tied, 'unshare', '--user', ...apart, '--mount-proc']),
    ...(asRoot ? [byRoot] : []),
    // A container may hide parts of /proc, and then no new one can be mounted.
    named([...tied, 'unshare', '--user', ...apart]),
    { isolation: 'no new privileges', before: tied, identity },
    { isolation: 'limits alone', before: [], identity },
  ]
}
