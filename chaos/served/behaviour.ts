import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { ToolError } from '../../src/kit/errors.ts'

/** The behaviours of the replicas' tools; the trainer chooses one in each call's arguments. */
export const behaviours = ['plain', 'slow', 'flaky', 'broken', 'hanging', 'deaf', 'refusing'] as const

/** One of {@link behaviours}. */
export type Behaviour = (typeof behaviours)[number]

/** The arguments of each tool: how it behaves, and how many milliseconds a slow one takes. */
export const input = z.object({ behaviour: z.enum(behaviours), ms: z.number().min(0).max(10_000).default(0) })

/** Longer than a replica lets a tool run (see `limitsOf` in ../replica.ts), in milliseconds. */
const tooLong = 3_600

interface Running {
  readonly input: z.output<typeof input>
  readonly execution: number
  readonly signal: AbortSignal
}

/**
 * Runs `act`, which has the effect, with the requested behaviour, and returns an output that is unique to the run.
 * `flaky`, `hanging` and `deaf` tools fail in their first execution, the last two only after their effect.
 */
export async function behave(run: Running, act: (nonce: string) => Promise<void>): Promise<string> {
  const { behaviour, ms } = run.input
  const nonce = randomUUID()
  if (behaviour === 'refusing') throw new ToolError(`refused ${nonce}`)
  if (behaviour === 'slow') await sleep(ms)
  await act(nonce)
  if (behaviour === 'broken' || (behaviour === 'flaky' && run.execution === 1)) throw new Error('a tool that breaks')
  if (behaviour === 'hanging' && run.execution === 1) await sleep(tooLong, undefined, { signal: run.signal })
  if (behaviour === 'deaf' && run.execution === 1) {
    await sleep(tooLong)
    await act(nonce)
  }
  return `done ${nonce}`
}
