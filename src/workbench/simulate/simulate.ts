import type { Agent, DatasetItem } from './agent.ts'
import { playRollout, type RolloutSettings } from './play-rollout.ts'
import { randomFrom } from './random.ts'
import type { RolloutTrace } from './trace.ts'

/** What is to be played. */
export interface SimulationPlan {
  readonly agents: readonly Agent[]
  readonly items: readonly DatasetItem[]
  /** How many rollouts of each item each agent plays. */
  readonly group: number
  /** How many items a training step has; all its rollouts are started in one moment. */
  readonly itemsPerStep: number
  /** The most rollouts that run at a time. */
  readonly concurrency: number
  readonly seed: string
  /** Whether a rollout was played before, and is not to be played again. */
  readonly isDone: (agent: string, item: number, member: number) => boolean
}

/**
 * Plays a plan, training step by training step: the groups of a step's items start together, and the next step begins when
 * all of them have ended. Each rollout is handed over when it ends, and the next one waits until that is settled.
 *
 * Throws the signal's reason when that aborts; what has ended by then has been handed over.
 */
export async function simulate(
  settings: RolloutSettings,
  plan: SimulationPlan,
  onRollout: (trace: RolloutTrace) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { agents, items, group, itemsPerStep, concurrency, seed } = plan
  for (let from = 0; from < items.length; from += itemsPerStep) {
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

/** How many rollouts a plan has, those that were played before included. */
export const countRollouts = ({ agents, items, group }: SimulationPlan): number => agents.length * items.length * group
