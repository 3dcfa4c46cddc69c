import { spawn } from 'node:child_process'
import { once as event } from 'node:events'
import { join } from 'node:path'
import type { Slots } from '../../concurrency.ts'
import { decoded, fileFailure, readScript, writeScript } from '../commands.ts'
import { type ExecRequest, type ExecResult, SandboxError } from '../provider.ts'
import type { Cgroups } from './cgroups.ts'
import { once, recorded } from './journal.ts'
import { stopHolder, withLock } from './lock.ts'
import type { Machine } from './machine.ts'
import type { Operation } from './messages.ts'
import { type Command, type Ended, runCommand } from './run-command.ts'
import type { Store } from './store.ts'

/** Reading and writing a file may take so long, in seconds. */
const fileSeconds = 60

/** Does what the server asks its helper process to do. Commands of one sandbox run one after the other. */
export function createOperations(store: Store, machine: Machine, cgroups: Cgroups | undefined, slots: Slots) {
  /** What each sandbox holds on disk, in kilobytes, where it is more than it may: then files cannot grow. */
  const overfull = new Set<string>()

  async function inside<Result>(
    handle: string,
    signal: AbortSignal,
    work: (run: (command: Command, finishes: 'always' | 'while wanted') => Promise<Ended>) => Promise<Result>,
  ): Promise<Result> {
    const { lock } = store.open(handle)
    return withLock(lock, signal, (until, closing) =>
      // Before it is recorded that a command began: one that gives up waiting for its slot has not begun.
      slots(until, async () => {
        // It may have been closed while this waited.
        const sandbox = store.open(handle)
        return work(async (command, finishes) => {
          const end = finishes === 'always' ? closing : until
          const ended = await runCommand(machine, cgroups, sandbox, command, !overfull.has(handle), end)
          if (ended.diskKb > sandbox.spec.diskMb * 1024) overfull.add(handle)
          else overfull.delete(handle)
          return ended
        })
      }),
    )
  }

  async function exec(handle: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult> {
    const { folder } = store.open(handle)
    const journal = join(folder, 'journal')
    const known = recorded(journal, request.key)
    if (known !== undefined) return known
    return inside(handle, signal, (run) =>
      once(journal, request, async () => {
        // A caller that has given it up may ask for its result again.
        const { diskKb: _, ...ended } = await run(request, 'always')
        return {
          ...ended,
          stdout: decoded(ended.stdout, ended.truncated),
          stderr: decoded(ended.stderr, ended.truncated),
        }
      }),
    )
  }

  async function file(handle: string, command: Pick<Command, 'argv' | 'input'>, maxBytes: number, signal: AbortSignal) {
    const ended = await inside(handle, signal, (run) =>
      run({ ...command, timeoutSeconds: fileSeconds, maxOutputBytes: Math.max(maxBytes, 4096) }, 'while wanted'),
    )
    if (ended.exitCode === 0) return ended
    throw fileFailure({ ...ended, stderr: Buffer.from(ended.stderr).toString() })
  }

  async function close(handle: string, signal: AbortSignal): Promise<void> {
    const sandbox = store.read(handle)
    if (sandbox === undefined) return
    const controller = new AbortController()
    const removed = withLock(sandbox.lock, AbortSignal.any([signal, controller.signal]), () =>
      store.remove(sandbox, removeAsRoot),
    ).finally(() => clearInterval(asking))
    // Each holder in turn is told, until the lock is ours.
    const asking = setInterval(() => stopHolder(sandbox.lock).catch(() => undefined), 50)
    await removed
    overfull.delete(handle)
    try {
      cgroups?.remove(handle)
    } catch {
      // The last of its processes is about to end: the next sweep removes it.
    }
  }

  return async (operation: Operation, signal: AbortSignal): Promise<unknown> => {
    switch (operation.op) {
      case 'create':
        return { handle: store.create(operation.spec, operation.labels) }
      case 'find':
        return store.find(operation.labels)
      case 'exec':
        return exec(operation.handle, operation.request, signal)
      case 'read': {
        const { path, maxBytes } = operation
        const argv = [...readScript, path, String(maxBytes)]
        return (await file(operation.handle, { argv }, maxBytes, signal)).stdout
      }
      case 'write': {
        const argv = [...writeScript, operation.path]
        await file(operation.handle, { argv, input: operation.content }, 4096, signal)
        return undefined
      }
      case 'alive':
        return store.read(operation.handle) !== undefined
      case 'extend':
        return store.extend(store.open(operation.handle), operation.ttlSeconds)
      case 'close':
        return close(operation.handle, signal)
    }
  }
}

/** Removes a folder as root of a namespace of its own, who can enter folders that their owner has closed. */
async function removeAsRoot(folder: string): Promise<void> {
  const child = spawn('unshare', ['--user', '--map-root-user', 'rm', '-rf', '--', folder], { stdio: 'ignore' })
  const [code] = await event(child, 'close')
  if (code !== 0) throw new SandboxError('unavailable', `the files in ${folder} cannot be removed`)
}
