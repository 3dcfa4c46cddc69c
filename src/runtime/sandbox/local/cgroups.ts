import {
  accessSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { SandboxSpec } from '../provider.ts'
import type { Owner } from './templates.ts'

/** Folders of the kernel's control groups that this process may make groups in. */
export interface CgroupFolders {
  readonly version: 1 | 2
  readonly memory: string
  /** Version 1 has a folder of its own for processes, version 2 has one folder for both. */
  readonly pids?: string
}

/** Control groups that limit sandboxes, one for each sandbox. */
export interface Cgroups {
  /** Makes the group of a sandbox if there is none; resolves with the files that a process writes `0` to, to enter it. */
  open(handle: string, spec: Pick<SandboxSpec, 'memoryMb' | 'pids'>): readonly string[]
  /** How many processes of the sandbox the kernel has killed because they used too much memory together. */
  killed(handle: string): number
  remove(handle: string): void
  /** The sandboxes that have a group. */
  list(): readonly string[]
}

interface Mount {
  readonly root: string
  readonly folder: string
  readonly options: readonly string[]
}

/**
 * Finds, below this process's own control group, a folder for the groups of sandboxes, and makes it. It is named after the user `uid`;
 * `owner` may make groups in it afterwards. With version 2, this process enters a group in that folder, because only the owner
 * of a common parent may move processes. Throws an Error that says why there is none.
 */
export function prepareCgroups(uid: number, owner: Owner | undefined): CgroupFolders {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  const own = readFileSync('/proc/self/cgroup', 'utf8')
  const memory = folderOf('memory', mounts, own)
  if (memory !== undefined) return prepareFirst(memory, folderOf('pids', mounts, own), uid, owner)
  const unified = folderOf(undefined, mounts, own)
  if (unified === undefined) throw new Error('no control groups are mounted')
  return prepareSecond(unified, uid, owner)
}

/**
 * The folder of a process's own control group: that of a controller of version 1, or, without a name, of version 2. The texts are
 * its `mountinfo` and `cgroup` in `/proc`.
 */
export function folderOf(controller: string | undefined, mountinfo: string, own: string): string | undefined {
  const type = controller === undefined ? 'cgroup2' : 'cgroup'
  const mount = mountinfo
    .split('\n')
    .flatMap((line): readonly Mount[] => {
      const [before = '', after = ''] = line.split(' - ')
      const [, , , root, folder] = before.split(' ')
      const [found, , options = ''] = after.split(' ')
      return found !== type || root === undefined || folder === undefined
        ? []
        : [{ root, folder, options: options.split(',') }]
    })
    .find(({ options }) => controller === undefined || options.includes(controller))
  const path = own
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, names = '']) => (controller === undefined ? names === '' : names.split(',').includes(controller)))?.[2]
  if (mount === undefined || path === undefined) return undefined
  // In a container the mount may show a part of the tree only.
  const below = mount.root !== '/' && path.startsWith(mount.root) ? path.slice(mount.root.length) : path
  return join(mount.folder, below)
}

/** Controls groups in the folders that {@link prepareCgroups} has made; `prefix` tells those of one installation from others. */
export function createCgroups({ version, memory, pids }: CgroupFolders, prefix: string): Cgroups {
  const folders = pids === undefined ? [memory] : [memory, pids]
  const nameOf = (handle: string) => `${prefix}-${handle}`
  return {
    open(handle, { memoryMb, pids: processes }) {
      const bytes = String(Math.ceil(memoryMb * 1024 ** 2))
      // The processes of bubblewrap count too.
      const limits = { memory: bytes, pids: String(processes + 3) }
      for (const folder of folders) {
        const group = join(folder, nameOf(handle))
        mkdirSync(group, { recursive: true })
        if (version === 2) {
          writeFileSync(join(group, 'memory.max'), limits.memory)
          writeIfExists(join(group, 'memory.swap.max'), '0')
          writeFileSync(join(group, 'pids.max'), limits.pids)
        } else if (folder === memory) {
          writeFileSync(join(group, 'memory.limit_in_bytes'), limits.memory)
          writeIfExists(join(group, 'memory.memsw.limit_in_bytes'), limits.memory)
        } else writeFileSync(join(group, 'pids.max'), limits.pids)
      }
      return folders.map((folder) => join(folder, nameOf(handle), 'cgroup.procs'))
    },
    killed(handle) {
      const file = version === 2 ? 'memory.events' : 'memory.oom_control'
      const text = readFileSync(join(memory, nameOf(handle), file), 'utf8')
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0)
    },
    remove(handle) {
      for (const folder of folders) {
        const group = join(folder, nameOf(handle))
        if (existsSync(group)) rmdirSync(group)
      }
    },
    list() {
      const names = folders.flatMap((folder) => readdirSync(folder))
      const own = names.filter((name) => name.startsWith(`${prefix}-`))
      return [...new Set(own.map((name) => name.slice(prefix.length + 1)))]
    },
  }
}

/** Version 1: groups may be made below any group that may be written. */
function prepareFirst(memory: string, pids: string | undefined, uid: number, owner: Owner | undefined): CgroupFolders {
  const made = { version: 1, memory: makeGroupFolder(memory, uid, owner) } as const
  return pids === undefined ? made : { ...made, pids: makeGroupFolder(pids, uid, owner) }
}

/** Version 2: a group that has groups with limits has no processes, so the folder may lie beside this process's own group. */
function prepareSecond(own: string, uid: number, owner: Owner | undefined): CgroupFolders {
  const reasons: string[] = []
  // A slice of systemd is not delegated, even where root can write it: groups there would escape the limits of the service.
  const parents = [own, dirname(own)].some((folder) => folder.endsWith('.slice')) ? [own] : [own, dirname(own)]
  for (const parent of parents) {
    try {
      const controllers = readFileSync(join(parent, 'cgroup.controllers'), 'utf8').split(/\s+/)
      if (!controllers.includes('memory') || !controllers.includes('pids'))
        throw new Error(`${parent} has no controllers`)
      writeFileSync(join(parent, 'cgroup.subtree_control'), '+memory +pids')
      const memory = makeGroupFolder(parent, uid, owner)
      writeFileSync(join(memory, 'cgroup.subtree_control'), '+memory +pids')
      const helpers = join(memory, 'helpers')
      mkdirSync(helpers, { recursive: true })
      writeFileSync(join(helpers, 'cgroup.procs'), '0')
      return { version: 2, memory }
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error))
    }
  }
  throw new Error(reasons.join('; '))
}

/**
 * Makes the folder for the groups of one user's sandboxes. In a user namespace `getuid` is 0 for every user, so `uid` names it.
 * Throws the file system's error if it cannot be made, or if it exists and cannot be written.
 */
export function makeGroupFolder(parent: string, uid: number, owner: Owner | undefined): string {
  const folder = join(parent, `scorekeeper-${uid}`)
  mkdirSync(folder, { recursive: true })
  accessSync(folder, constants.W_OK)
  if (owner === undefined) return folder
  const files = ['cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads'].map((name) => join(folder, name))
  for (const path of [folder, ...files.filter((file) => existsSync(file))]) chownSync(path, owner.uid, owner.gid)
  return folder
}

function writeIfExists(path: string, text: string): void {
  if (existsSync(path)) writeFileSync(path, text)
}
