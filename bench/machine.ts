import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'

/** Describes the machine: processors, Node, and how many times per second the disk of its temporary folder syncs 8 kB. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? process.arch
  const syncs = `${fsyncRate().toFixed(0)} fdatasync/s in ${tmpdir()}`
  return `${availableParallelism()} × ${model}, Node ${process.versions.node}, ${syncs}`
}

/** How many sequential 8 kB writes per second can be made durable, measured for half a second. */
function fsyncRate(): number {
  const folder = mkdtempSync(join(tmpdir(), 'scorekeeper-fsync-'))
  const file = openSync(join(folder, 'file'), 'w')
  const page = Buffer.alloc(8192)
  const began = performance.now()
  let made = 0
  for (; performance.now() - began < 500; made += 1) {
    writeSync(file, page, 0, page.length, 0)
    fdatasyncSync(file)
  }
  const seconds = (performance.now() - began) / 1000
  closeSync(file)
  rmSync(folder, { recursive: true })
  return made / seconds
}
