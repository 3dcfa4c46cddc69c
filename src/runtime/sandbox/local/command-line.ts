import { existsSync, lstatSync, readlinkSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import type { ExecRequest, SandboxSpec } from '../provider.ts'
import type { StoredSandbox } from './store.ts'

/** Where the template is, and where commands start. */
export const workspace = '/workspace'
const home = '/home/agent'

/** The folders of the machine that commands can read: programs and libraries, nothing of `/usr/src` or `/opt`. */
export const programFolders: readonly string[] = [
  '/usr/bin',
  '/usr/sbin',
  '/usr/lib',
  '/usr/lib32',
  '/usr/lib64',
  '/usr/libexec',
  '/usr/share',
  '/usr/include',
  '/usr/local/bin',
  '/usr/local/lib',
  '/usr/local/share',
  '/usr/local/include',
]
/** Links to the folders in `/usr`, or, on some machines, folders. */
const roots = ['/bin', '/sbin', '/lib', '/lib32', '/lib64'] as const
/** What programs need of `/etc`. */
const settings = ['/etc/alternatives', '/etc/ld.so.cache', '/etc/ssl/certs', '/etc/ssl/openssl.cnf'] as const

const variables = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: home, USER: 'agent', LANG: 'C.UTF-8' } as const

/**
 * Mounts the overlay in namespaces of its own, runs the command under its limits, and reports on file descriptor 3: `started`
 * (written by {@link inner}) and `exit CODE`. All processes of the command end with this script, which is process 1 of its
 * namespace. Each program that it starts costs every command about a millisecond, so the shell itself sets the limits.
 *
 * The limits of memory and of files are in units of 1024 and of 512 bytes. bash knows the number of processes as `-u` only.
 */
const outer = `
mount -t overlay overlay -o "userxattr,lowerdir=$1,upperdir=upper,workdir=work" "$2" || exit 1
memory=$3 processes=$4 file=$5
shift 5
(
  ulimit -d "$memory" && ulimit -f "$file" && ulimit -n 4096 && ulimit -c 0 || exit 1
  ulimit -p "$processes" 2>/dev/null || ulimit -u "$processes" || exit 1
  exec "$@"
)
echo "exit $?" >&3
`

/** Tells that the sandbox is set up, and becomes the command. */
const inner = 'echo started >&3; exec 3>&-; exec "$@"'

/** What is common to all commands of this machine. */
export interface Machine {
  /** The arguments that show bubblewrap's commands the programs and settings of the machine; see {@link machineView}. */
  readonly view: readonly string[]
  /** A folder that each command mounts its overlay on, in a namespace of its own. */
  readonly mountPoint: string
  /** Whether bubblewrap can forbid further user namespaces (0.8 and later). */
  readonly disablesUserNamespaces: boolean
}

/**
 * What commands can read of the machine: its programs and settings, `folders` at the same path, and `passwd`, `group` and
 * `hosts` of the folder `etc`.
 */
export function machineView(folders: readonly string[], etc: string): readonly string[] {
  const readable = [...programFolders, ...settings, ...folders].filter((path) => existsSync(path))
  return [
    ...readable.flatMap((path) => ['--ro-bind', path, path]),
    ...roots.flatMap(rootFolder),
    ...['passwd', 'group', 'hosts'].flatMap((name) => ['--ro-bind', join(etc, name), `/etc/${name}`]),
  ]
}

/** The command line that runs a command in a sandbox; its working directory is the sandbox's folder. */
export function commandLine(
  machine: Machine,
  sandbox: Pick<StoredSandbox, 'spec' | 'folder'>,
  request: Pick<ExecRequest, 'argv' | 'cwd' | 'env'>,
  mayWrite: boolean,
): readonly [string, ...string[]] {
  const namespaces = ['--user', '--map-root-user', '--mount', '--pid', '--fork', '--kill-child=KILL']
  return [
    'setpriv',
    '--pdeathsig=KILL',
    'unshare',
    ...namespaces,
    'sh',
    '-c',
    outer,
    'sandbox',
    sandbox.spec.template,
    machine.mountPoint,
    ...limits(sandbox.spec, mayWrite),
    'bwrap',
    ...isolation(machine, sandbox),
    ...Object.entries({ ...variables, ...request.env }).flatMap(([name, value]) => ['--setenv', name, value]),
    '--chdir',
    resolve(workspace, request.cwd ?? '.'),
    '--',
    'sh',
    '-c',
    inner,
    'sandbox',
    ...request.argv,
  ]
}

function limits({ memoryMb, pids, diskMb }: SandboxSpec, mayWrite: boolean): readonly string[] {
  // Private writable memory: unlike the address space, it does not count what is reserved only.
  const memory = Math.ceil(memoryMb * 1024)
  // The script, bubblewrap's processes and the shell count too.
  const processes = pids + 4
  const file = mayWrite ? Math.ceil(diskMb * 2048) : 0
  return [memory, processes, file].map(String)
}

function isolation(
  { view, mountPoint, disablesUserNamespaces }: Machine,
  { folder, spec: { memoryMb } }: Pick<StoredSandbox, 'spec' | 'folder'>,
): readonly string[] {
  const shared = `${Math.ceil(memoryMb * 1024 ** 2)}`
  return [
    '--unshare-user',
    '--uid',
    '1000',
    '--gid',
    '1000',
    ...(disablesUserNamespaces ? ['--disable-userns'] : []),
    '--unshare-ipc',
    '--unshare-pid',
    '--unshare-net',
    '--unshare-uts',
    '--unshare-cgroup-try',
    '--hostname',
    'sandbox',
    '--die-with-parent',
    '--new-session',
    '--cap-drop',
    'ALL',
    '--clearenv',
    ...view,
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--size',
    shared,
    '--tmpfs',
    '/dev/shm',
    '--bind',
    mountPoint,
    workspace,
    '--bind',
    join(folder, 'tmp'),
    '/tmp',
    '--bind',
    join(folder, 'home'),
    home,
    // What bubblewrap has made for itself lies in memory, and counts against nobody's limit.
    '--remount-ro',
    '/dev',
    '--remount-ro',
    '/',
  ]
}

function rootFolder(path: string): readonly string[] {
  if (!existsSync(path)) return []
  if (lstatSync(path).isSymbolicLink()) return ['--symlink', readlinkSync(path), `/${basename(path)}`]
  return ['--ro-bind', path, path]
}
