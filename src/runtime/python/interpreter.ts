import { access, constants } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'

/** What isolates the interpreter, strongest first; see {@link confinements}. */
export type Isolation = 'bubblewrap' | 'namespaces' | 'no new privileges' | 'limits alone'

/** One way to start the interpreter. */
export interface Confinement {
  readonly isolation: Isolation
  /** What precedes the interpreter on the command line. */
  readonly before: readonly string[]
  readonly identity: { readonly uid: number; readonly gid: number } | undefined
}

/** Where a command without a folder is looked up: the server's environment is neither read nor passed on. */
const folders = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/opt/homebrew/bin',
] as const

/** The whole environment of the code: the numeric libraries start no threads, which are not allowed. */
export const environment = {
  PATH: folders.join(':'),
  LANG: 'C.UTF-8',
  OMP_NUM_THREADS: '1',
  OPENBLAS_NUM_THREADS: '1',
  MKL_NUM_THREADS: '1',
  NUMEXPR_MAX_THREADS: '1',
} as const

/** A user that owns nothing. Not `nobody`, because some databases and web servers run as that user. */
const unprivilegedId = 65_533

/** The absolute path of a command, or undefined if it is not found. */
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
 * The ways to start the interpreter, strongest first. Which of them a machine allows is found by trying.
 *
 * `bubblewrap` gives it a read-only root, an empty `/tmp`, and, as `namespaces` does, no network and a process table and a
 * `/proc` of its own; it dies with the server. The code never runs as root.
 *
 * @see https://github.com/containers/bubblewrap
 * @see https://man7.org/linux/man-pages/man1/unshare.1.html
 */
export function confinements(asRoot: boolean): readonly Confinement[] {
  const identity = asRoot ? { uid: unprivilegedId, gid: unprivilegedId } : undefined
  const tied = ['setpriv', '--no-new-privs', '--pdeathsig=KILL']
  const asUnprivileged = [
    'setpriv',
    `--reuid=${unprivilegedId}`,
    `--regid=${unprivilegedId}`,
    '--clear-groups',
    '--pdeathsig=KILL',
  ]
  const dropped = ['--bounding-set=-all', '--inh-caps=-all']
  const apart = ['--net', '--ipc', '--pid', '--fork', '--kill-child=KILL']
  const wrapped = ['--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--die-with-parent']
  const files = ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp', '--chdir', '/tmp']
  const inWrap = ['bwrap', ...wrapped, '--new-session', '--cap-drop', 'ALL', ...files]
  const keepingUser = ['--cap-add', 'CAP_SETUID', '--cap-add', 'CAP_SETGID', '--cap-add', 'CAP_SETPCAP']
  const ways: readonly (Confinement | false)[] = [
    // Not as root in a user namespace of its own: that would still own root's files.
    { isolation: 'bubblewrap', before: [...tied, ...inWrap, '--unshare-user'], identity },
    asRoot && {
      isolation: 'bubblewrap',
      before: [...tied, ...inWrap, ...keepingUser, ...asUnprivileged, ...dropped],
      identity: undefined,
    },
    // No user is mapped into the namespace, so exec drops every capability in it.
    { isolation: 'namespaces', before: [...tied, 'unshare', '--user', ...apart, '--mount-proc'], identity },
    asRoot && {
      isolation: 'namespaces',
      before: [...tied, 'unshare', ...apart, '--mount-proc', ...asUnprivileged, ...dropped],
      identity: undefined,
    },
    // A container may hide parts of /proc; then a new one cannot be mounted.
    { isolation: 'namespaces', before: [...tied, 'unshare', '--user', ...apart], identity },
    { isolation: 'no new privileges', before: tied, identity },
    { isolation: 'limits alone', before: [], identity },
  ]
  return ways.filter((way) => way !== false)
}
