import { join, resolve } from 'node:path'
import type { ExecRequest, SandboxSpec } from '../provider.ts'
import type { Machine } from './machine.ts'
import type { StoredSandbox } from './store.ts'

/** Where the template is, and where commands start. */
export const workspace = '/workspace'
const home = '/home/agent'

const variables = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: home, USER: 'agent', LANG: 'C.UTF-8' } as const

/**
 * Mounts the overlay in namespaces of its own and becomes bubblewrap under the command's limits. It is process 1 of its namespace:
 * all processes of the command end with it. Each program that is started costs every command about a millisecond, so the shell
 * itself sets the limits.
 *
 * `$6` are the files by which it enters its control groups. The limits of memory and of files are in units of 1024 and of 512
 * bytes. bash knows the number of processes as `-u` only.
 */
const outer = `
mount -t overlay overlay -o "userxattr,lowerdir=$1,upperdir=upper,workdir=work" "$2" || exit 1
memory=$3 processes=$4 file=$5
for group in $6; do echo 0 > "$group" || exit 1; done
shift 6
ulimit -d "$memory" && ulimit -f "$file" && ulimit -n 4096 && ulimit -c 0 || exit 1
ulimit -p "$processes" 2>/dev/null || ulimit -u "$processes" || exit 1
exec "$@"
`

/**
 * The command line that runs a command in a sandbox; its working directory is the sandbox's folder. On file descriptor 3
 * bubblewrap reports the command's exit code, if the command was started. `groups` are files that it writes `0` to.
 */
export function commandLine(
  machine: Machine,
  sandbox: Pick<StoredSandbox, 'spec' | 'folder'>,
  request: Pick<ExecRequest, 'argv' | 'cwd' | 'env'>,
  mayWrite: boolean,
  groups: readonly string[],
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
    groups.join(' '),
    'bwrap',
    '--json-status-fd',
    '3',
    ...isolation(machine, sandbox),
    ...Object.entries({ ...variables, ...request.env }).flatMap(([name, value]) => ['--setenv', name, value]),
    '--chdir',
    resolve(workspace, request.cwd ?? '.'),
    '--',
    ...request.argv,
  ]
}

function limits({ memoryMb, pids, diskMb }: SandboxSpec, mayWrite: boolean): readonly string[] {
  // Private writable memory: unlike the address space, it does not count what is reserved only.
  const memory = Math.ceil(memoryMb * 1024)
  // The processes of bubblewrap count too.
  const processes = pids + 3
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
    // The view has a folder for each further mount.
    '--ro-bind',
    view,
    '/',
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
  ]
}
