import type Docker from 'dockerode'
import { parseJson } from '../../../base/json.ts'
import { resultSchema } from '../commands.ts'
import type { ExecResult } from '../provider.ts'
import { type Lock, lock } from './lock.ts'

/**
 * Runs a command once for its key. The journal is a folder that belongs to root: `KEY` exists before the command starts, and
 * `KEY/result` is its result. Both are written under the lock, so that a key that has begun and has no result belongs to a
 * process that died.
 *
 * @throws SandboxError like {@link lock}, and `exec_ambiguous` if the result cannot be recorded.
 */
export async function once(
  container: Docker.Container,
  key: string,
  busySeconds: number,
  signal: AbortSignal,
  run: (lock: Lock) => Promise<ExecResult>,
): Promise<ExecResult> {
  const locked = await lock(container, key, busySeconds, signal)
  if ('recorded' in locked) return resultSchema.parse(parseJson(locked.recorded))
  return await owning(locked.lock, async () => {
    const result = await run(locked.lock)
    await locked.lock.record(JSON.stringify(result), signal)
    return result
  })
}

/** Runs work under the lock, without a record. */
export async function exclusively<Result>(
  container: Docker.Container,
  busySeconds: number,
  signal: AbortSignal,
  run: (lock: Lock) => Promise<Result>,
): Promise<Result> {
  const locked = await lock(container, undefined, busySeconds, signal)
  if ('recorded' in locked) throw new Error('a result was recorded without a key')
  return await owning(locked.lock, async () => {
    const result = await run(locked.lock)
    await locked.lock.release(signal)
    return result
  })
}

async function owning<Result>(lock: Lock, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    lock.abandon()
    throw error
  }
}
