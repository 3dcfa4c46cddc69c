import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** The processes of this machine; what cannot be read has ended. */
function processes(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

function tried<Result>(read: () => Result): Result | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** The helper processes of the local provider that a server has started. */
export function helpersOf(server: number): readonly number[] {
  return processes().filter((pid) => {
    // After the name, which is in parentheses: the state, and the parent.
    const parent = tried(() => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1])
    if (Number(parent) !== server) return false
    return tried(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('/sandbox/local/helper')) === true
  })
}

/** The folder of a sandbox, wherever the mount namespace of its helper has it. */
const ofSandbox = /\/boxes\/([0-9a-f]{32})(?:\/|$)/

/** The processes that run a command in a sandbox of this folder, by the sandbox: those whose working directory is its own. */
export function commandsIn(boxes: string): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>()
  for (const pid of processes()) {
    const [, handle] = ofSandbox.exec(tried(() => readlinkSync(`/proc/${pid}/cwd`)) ?? '') ?? []
    if (handle === undefined || !existsSync(join(boxes, handle))) continue
    found.set(handle, [...(found.get(handle) ?? []), pid])
  }
  return found
}

/** Kills processes; those that have ended already are skipped. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) tried(() => process.kill(pid, 'SIGKILL'))
}
