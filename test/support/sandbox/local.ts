import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSandboxes, type Sandboxes } from '../../../src/core/sandboxes/sandboxes.ts'
import type { SandboxPlan } from '../../../src/kit/sandboxes.ts'
import type { Database } from '../../../src/postgres/database.ts'
import { createLocalProvider } from '../../../src/runtime/sandbox/local/local-provider.ts'
import { keepingLog } from '../app.ts'

/** Sandboxes of this machine, for a test. */
export interface LocalSandboxes {
  readonly sandboxes: Sandboxes
  /** Removes all of them. */
  close(): Promise<void>
}

/** Opens the local provider in a folder of its own; resolves with a sentence where it cannot be used. */
export async function openLocalSandboxes(
  { sql }: Pick<Database, 'sql'>,
  plans: readonly SandboxPlan[],
): Promise<LocalSandboxes | string> {
  const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-sandboxes-'))
  const provider = createLocalProvider({ folder })
  const problem = await provider.problem()
  if (problem !== undefined) {
    await provider.end()
    return problem
  }
  const sandboxes = createSandboxes({
    sql,
    provider,
    plans,
    installation: 'test',
    caps: { open: 100, opening: 16 },
    times: { wait: 30, create: 60, look: 1, request: 30, lease: 30, timeToLive: 7_200 },
    log: keepingLog(),
    stopping: new AbortController().signal,
  })
  return {
    sandboxes,
    async close() {
      const { signal } = new AbortController()
      for (const { handle } of await provider.find({ installation: 'test' }, signal)) {
        await provider.close(handle, signal)
      }
      await provider.end()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
