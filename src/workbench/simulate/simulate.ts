import { setTimeout as sleep } from 'node:timers/promises'
import type { Agent, DatasetItem } from './agent.ts'
import { playRollout, type RolloutSettings } from './play-rollout.ts'
import { randomFrom } from './random.ts'
import type { RolloutTrace } from './trace.ts'

/** What to play. */
export interface SimulationPlan {
  readonly agents: readonly Agent[]
  readonly items: readonly DatasetItem[]
  /** How many rollouts of each item each agent plays. */
  readonly group: number
  /** The items of a training step; all its rollouts start together. */
  readonly itemsPerStep: number
  /** The most rollouts that run at the same time. */
  readonly concurrency: number
  /** How long to wait between two steps, in milliseconds; default 0. */
  readonly stepPauseMs?: number
  readonly seed: string
  /** Whether a rollout was played before; it is then skipped. */
  readonly isDone: (agent: string, item: number, member: number) => boolean
}

/**
 * Plays a plan, one training step after the other: the groups of a step start together, and the next step starts when all of
 * them have ended. `onRollout` gets each rollout when it ends; the worker that played it waits for the returned promise.
 *
 * @throws the signal's reason when that aborts; `onRollout` has then got every rollout that ended.
 */
export async function simulate(
  settings: RolloutSettings,
  plan: SimulationPlan,
  onRollout: (trace: RolloutTrace) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { agents, items, group, itemsPerStep, concurrency, stepPauseMs = 0, seed } = plan
  for (let from = 0; from < items.length; from += itemsPerStep) {
    if (from > 0 && stepPauseMs > 0) await sleep(stepPauseMs, undefined, { signal })
    const step = items.slice(from, from + itemsPerStep)
    const rollouts = step.flatMap((item, place) =>
      agents.flatMap((agent) =>
        Array.from({ length: group }, (_, member) => ({ agent, item, index: from + place, member })),
      ),
    )
    const waiting = rollouts.filter(({ agent, index, member }) => !plan.isDone(agent.name, index, member)).values()
    const work = async () => {
      for (const place of waiting) {
        const random = randomFrom(seed, place.agent.name, place.index, place.member)
        await onRollout(await playRollout(settings, { ...place, random }, signal))
      }
    }
    await Promise.all(Array.from({ length: Math.min(concurrency, rollouts.length) }, work))
  }
}

/** The number of rollouts of a plan, including those that were played before. */
export const countRollouts = ({ agents, items, group }: SimulationPlan): number => agents.length * items.length * group
