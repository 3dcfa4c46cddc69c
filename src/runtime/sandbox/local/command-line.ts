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
 * Mounts the overlay in namespaces of its own, runs the command under its limits, and reports on file descriptor 3: `mounted`,
 * `started` (written by {@link inner}), `exit CODE`, `disk KILOBYTES`. All processes of the command end with this script,
 * which is process 1 of its namespace.
 */
const outer = `
mount -t overlay overlay -o "userxattr,lowerdir=$1,upperdir=upper,workdir=work" merged || exit 1
echo mounted >&3
shift
"$@"
echo "exit $?" >&3
exec du -sk upper tmp home >&3
`

/** Tells that the sandbox is set up, and becomes the command. */
const inner = 'echo started >&3; exec 3>&-; exec "$@"'

/** What is common to all commands of this machine. */
export interface Machine {
  /** Further folders that commands can read, at the same path. */
  readonly folders: readonly string[]
  /** A folder with `passwd`, `group` and `hosts`. */
  readonly etc: string
  /** Whether bubblewrap can forbid further user namespaces (0.8 and later). */
  readonly disablesUserNamespaces: boolean
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
    'prlimit',
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
  const bytes = (megabytes: number) => Math.ceil(megabytes * 1024 ** 2)
  return [
    // Private writable memory: unlike the address space, it does not count what is reserved only.
    `--data=${bytes(memoryMb)}`,
    // The script, bubblewrap's processes and the shell count too.
    `--nproc=${pids + 4}`,
    `--fsize=${mayWrite ? bytes(diskMb) : 0}`,
    '--nofile=4096',
    '--core=0',
  ]
}

function isolation(
  { folders, etc, disablesUserNamespaces }: Machine,
  { folder, spec: { memoryMb } }: Pick<StoredSandbox, 'spec' | 'folder'>,
): readonly string[] {
  const shared = `${Math.ceil(memoryMb * 1024 ** 2)}`
  const readable = [...programFolders, ...settings, ...folders].filter((path) => existsSync(path))
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
    ...readable.flatMap((path) => ['--ro-bind', path, path]),
    ...roots.flatMap(rootFolder),
    ...['passwd', 'group', 'hosts'].flatMap((name) => ['--ro-bind', join(etc, name), `/etc/${name}`]),
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--size',
    shared,
    '--tmpfs',
    '/dev/shm',
    '--bind',
    join(folder, 'merged'),
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
