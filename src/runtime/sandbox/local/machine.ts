import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import type { CgroupFolders } from './cgroups.ts'

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
/** What programs need of `/etc`. */
const settings = ['/etc/alternatives', '/etc/ld.so.cache', '/etc/ssl/certs', '/etc/ssl/openssl.cnf'] as const

/** What is common to all commands of this machine. */
export interface Machine {
  /** The folder that becomes the root of commands: the programs and settings of the machine, and mount points. */
  readonly view: string
  /** The folder of the sandboxes' files. */
  readonly data: string
  /** A folder that each command mounts its overlay on, in a namespace of its own. */
  readonly mountPoint: string
  /** Where each sandbox's control group is; undefined where this process may not make any. */
  readonly cgroups?: CgroupFolders
  /** Whether bubblewrap can forbid further user namespaces (0.8 and later). */
  readonly disablesUserNamespaces: boolean
}

/**
 * Makes the root of the helper's mount namespace. `$1` is an empty folder to mount it on, `$2` the folder of the sandboxes, `$3` and
 * `$4` are those of control groups, or empty, the others are what commands can read at the same path.
 *
 * bubblewrap reads the whole list of mounts for each mount that it makes. Here the list is short, whatever the machine has
 * mounted, and commands get all of their view with one mount.
 */
const script = `
set -eu
root=$1 data=$2 memory=$3 pids=$4
shift 4
mount -t tmpfs -o mode=755 sandboxes "$root"
cd "$root"
# bubblewrap mounts on /tmp first.
mkdir machine data mounted old proc dev tmp
for path in "$@"; do
  mkdir -p "machine\${path%/*}"
  if [ -d "$path" ]; then
    mkdir -p "machine$path"
    mount --rbind "$path" "machine$path"
  else
    cat "$path" > "machine$path"
  fi
done
# Links to the folders in /usr, or, on some machines, folders.
for name in bin sbin lib lib32 lib64; do
  if [ -L "/$name" ]; then
    ln -s "$(readlink "/$name")" "machine/$name"
  elif [ -d "/$name" ]; then
    mkdir "machine/$name"
    mount --rbind "/$name" "machine/$name"
  fi
done
mkdir -p machine/etc machine/proc machine/dev machine/tmp machine/workspace machine/home/agent
echo 'agent:x:1000:1000:agent:/home/agent:/bin/sh' > machine/etc/passwd
echo 'agent:x:1000:' > machine/etc/group
echo '127.0.0.1 localhost sandbox' > machine/etc/hosts
for name in usr etc bin sbin lib lib32 lib64; do
  [ ! -e "machine/$name" ] || ln -s "machine/$name" "$name"
done
mount --bind "$data" data
[ -z "$memory" ] || { mkdir memory && mount --bind "$memory" memory; }
[ -z "$pids" ] || { mkdir pids && mount --bind "$pids" pids; }
mount --rbind /proc proc
mount --rbind /dev dev
pivot_root . old
cd /
umount -l old
`

/** What a machine shows to its commands, and where it keeps their files. */
export interface MachineSettings {
  readonly data: string
  readonly readable: readonly string[]
  readonly cgroups: CgroupFolders | undefined
}

/**
 * Gives the helper process, which must have a mount namespace of its own, a root with nothing but the programs that it starts,
 * the sandboxes in `data`, and what their commands can read: programs, settings, and `readable` at the same path. `mountPoint` is an
 * empty folder. All modules must have been loaded before.
 */
export async function prepareMachine(
  { data, readable, cgroups }: MachineSettings,
  mountPoint: string,
): Promise<Machine> {
  const run = promisify(execFile)
  const groups = [cgroups?.memory ?? '', cgroups?.pids ?? '']
  const shown = [...programFolders, ...settings, ...readable].filter((path) => existsSync(path))
  await run('sh', ['-c', script, 'machine', mountPoint, data, ...groups, ...shown]).catch(
    (error: { readonly stderr?: string }) => {
      throw new Error(`the namespace of the sandboxes cannot be prepared: ${error.stderr?.trim()}`)
    },
  )
  process.chdir('/')
  const help = await run('bwrap', ['--help']).catch(() => ({ stdout: '' }))
  return {
    view: '/machine',
    data: '/data',
    mountPoint: '/mounted',
    ...(cgroups && {
      cgroups: { version: cgroups.version, memory: '/memory', ...(cgroups.pids !== undefined && { pids: '/pids' }) },
    }),
    disablesUserNamespaces: help.stdout.includes('--disable-userns'),
  }
}

/** Whether this process may mount file systems without a user namespace of its own. */
export function mayMount(): boolean {
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  const sysAdmin = 1n << 21n
  return capabilities !== undefined && (BigInt(`0x${capabilities}`) & sysAdmin) !== 0n
}
