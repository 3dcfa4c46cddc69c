import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isAlive } from '../src/postgres/embedded/cluster.ts'
import { findPostmaster } from '../src/postgres/embedded/postmaster.ts'

/** What a bench has made and removes again, however it ends. */
export interface Cleanup {
  /** Adds a step; the step added last runs first. */
  add(step: () => void | Promise<void>): void
  /** Waits for what starts and adds its end, so that a cleanup in between waits for the start and leaves nothing behind. */
  start<Started>(starting: Promise<Started>, end: (started: Started) => Promise<void>): Promise<Started>
  /** Runs the steps once. A step that fails does not stop the others; its error is thrown at the end. */
  run(): Promise<void>
}

/** Makes an empty list of steps. */
export function createCleanup(): Cleanup {
  const steps: (() => void | Promise<void>)[] = []
  let running: Promise<void> | undefined
  const runAll = async () => {
    const errors: unknown[] = []
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      try {
        await step()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, `cannot clean up: ${errors.map(String).join('; ')}`)
  }
  return {
    add: (step) => void steps.push(step),
    start(starting, end) {
      steps.push(() => starting.then(end, () => {}))
      return starting
    },
    run() {
      running ??= runAll()
      return running
    },
  }
}

/**
 * Runs a bench and cleans up: at its end, after an error, and on Ctrl-C or SIGTERM, which end the process with 130 and 143.
 * A second signal ends it at once.
 */
export async function cleaningUp(work: (cleanup: Cleanup) => Promise<void>): Promise<void> {
  const cleanup = createCleanup()
  const signals = { SIGINT: 130, SIGTERM: 143 } as const
  const listeners = Object.entries(signals).map(([signal, code]) => {
    const listener = () => {
      process.once(signal, () => process.exit(code))
      process.stderr.write('bench: stopping; removing what it made\n')
      cleanup.run().finally(() => process.exit(code))
    }
    process.once(signal, listener)
    return () => process.removeListener(signal, listener)
  })
  try {
    await work(cleanup)
  } finally {
    await cleanup.run()
    for (const remove of listeners) remove()
  }
}

const prefix = 'scorekeeper-bench-'

/** Makes a temporary folder that every user can pass through, since Postgres does not run as root. */
export function makeScratchFolder(cleanup: Cleanup): string {
  const folder = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`))
  chmodSync(folder, 0o711)
  cleanup.add(() => removeScratchFolder(folder))
  return folder
}

/** Removes the folders of benches that were killed, and stops the Postgres servers in them. */
export async function sweepScratchFolders(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN
    // A folder of another user cannot be removed; it is theirs.
    if (pid > 0 && !isAlive(pid)) await removeScratchFolder(join(tmpdir(), name)).catch(() => {})
  }
}

async function removeScratchFolder(folder: string): Promise<void> {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('postmaster.pid')) continue
    const data = dirname(join(folder, name))
    const postmaster = findPostmaster(data)
    if (postmaster) process.kill(postmaster.pid, 'SIGQUIT')
    for (let waited = 0; findPostmaster(data) && waited < 5_000; waited += 20) await sleep(20)
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}
