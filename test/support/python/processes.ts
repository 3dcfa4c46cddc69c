import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** The descendants of this process. */
export function descendants(): number[] {
  const parents = parentsOfAll()
  const found = [process.pid]
  for (const parent of found) {
    for (const [pid, of] of parents) if (of === parent && !found.includes(pid)) found.push(pid)
  }
  return found.slice(1)
}

/** Whether a process runs. */
export function isAlive(pid: number): boolean {
  return parentsOfAll().has(pid)
}

function parentsOfAll(): Map<number, number> {
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=']).toString().trim().split('\n')
    return new Map(lines.map((line) => [Number(line.trim().split(/\s+/)[0]), Number(line.trim().split(/\s+/)[1])]))
  }
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (state !== 'Z' && state !== 'X') parents.set(Number(name), Number(parent))
    } catch {
      // It ended meanwhile.
    }
  }
  return parents
}
