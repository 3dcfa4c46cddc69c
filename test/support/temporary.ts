import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach } from 'vitest'
import { isAlive } from '../../src/postgres/embedded/cluster.ts'
import { findPostmaster } from '../../src/postgres/embedded/postmaster.ts'

const prefix = 'scorekeeper-test-'

/** Makes a folder for this process that every user can enter; remove it with `removeFolder`. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`))
  chmodSync(folder, 0o711)
  return folder
}

/**
 * Gives a test file, or a `describe`, a folder of its own that is removed after its last test and after its other hooks. Call
 * it where hooks are registered, before them.
 *
 * @example const folder = useFolder()
 */
export function useFolder(): string {
  const folder = makeFolder()
  afterAll(() => removeFolder(folder))
  return folder
}

/**
 * Gives a test file a function that closes what it is given after the test.
 *
 * @example const server = closing(await listen(answer))
 */
export function useClosing() {
  const open: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close()
  })
  return <Closed extends { close(): Promise<void> }>(one: Closed): Closed => {
    open.push(one)
    return one
  }
}

/** Removes a folder, after killing the database servers that run in it. */
export async function removeFolder(folder: string): Promise<void> {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('postmaster.pid')) continue
    const data = dirname(join(folder, name))
    const postmaster = findPostmaster(data)
    if (postmaster) process.kill(postmaster.pid, 'SIGQUIT')
    for (let waited = 0; findPostmaster(data) && waited < 5_000; waited += 20) await sleep(20)
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

/** Removes the folders of test runs that were killed. */
export async function sweepFolders(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN
    // The folder of another user cannot be removed; their own test runs do it.
    if (pid > 0 && !isAlive(pid)) await removeFolder(join(tmpdir(), name)).catch(() => {})
  }
}
