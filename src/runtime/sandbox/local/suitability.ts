import { existsSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { programFolders } from './machine.ts'
import type { Owner } from './templates.ts'

const needed = [
  { command: 'bwrap', from: 'bubblewrap' },
  { command: 'unshare', from: 'util-linux' },
  { command: 'setpriv', from: 'util-linux' },
  { command: 'pivot_root', from: 'util-linux' },
  { command: 'mount', from: 'mount or util-linux' },
] as const

const commandFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'] as const

/** Says why local sandboxes cannot lie in a folder of this machine, as far as it can be told without a trial. */
export function unsuitable(root: string, owner: Owner | undefined): string | undefined {
  if (process.platform !== 'linux') return 'local sandboxes need Linux'
  const shown = programFolders.find((folder) => !relative(folder, root).startsWith('..'))
  if (shown !== undefined) return `local sandboxes show ${shown} to their commands; keep ${root} somewhere else`
  const absent = needed.find(({ command }) => !commandFolders.some((folder) => existsSync(join(folder, command))))
  if (absent !== undefined)
    return `local sandboxes need the command ${absent.command}: install the package ${absent.from}`
  return owner && unreachable(root, owner)
}

/** Says which folder above `root` keeps the user of the commands out; folders that do not exist yet are not checked. */
export function unreachable(root: string, { uid, gid }: Owner): string | undefined {
  const closed = ancestors(root).find((folder) => {
    const stats = statSync(folder, { throwIfNoEntry: false })
    if (stats === undefined) return false
    const search = stats.uid === uid ? 0o100 : stats.gid === gid ? 0o010 : 0o001
    return (stats.mode & search) === 0
  })
  if (closed === undefined) return undefined
  return (
    `local sandboxes belong to user ${uid}, who cannot enter ${closed}, the folder above ${root}: ` +
    `run "chmod o+x ${closed}", or set DATA_DIR to a folder that every user can reach`
  )
}

/** Says why a trial failed, and what the machine must allow. */
export function explained(reason: string): string {
  const inContainer = existsSync('/.dockerenv') || existsSync('/run/.containerenv')
  const advice = inContainer
    ? 'inside a container they need user namespaces and mounts (docker run --security-opt seccomp=unconfined ' +
      '--security-opt apparmor=unconfined --security-opt systempaths=unconfined) and a volume for DATA_DIR'
    : 'they need user namespaces and overlay mounts for ordinary users (Linux 5.11 or later)'
  return `local sandboxes do not work on this machine: ${reason.trim()}; ${advice}`
}

/** The folders above a path, the outermost first. */
function ancestors(path: string): readonly string[] {
  const parent = dirname(path)
  return parent === path ? [] : [...ancestors(parent), parent]
}
