import { setTimeout as sleep } from 'node:timers/promises'
import type { Agent, AgentContext, Answer, DatasetItem } from '../simulate/agent.ts'
import { playRollout, type RolloutSettings } from '../simulate/play-rollout.ts'
import { randomFrom } from '../simulate/random.ts'
import type { RolloutTrace } from '../simulate/trace.ts'
import { advantages, type Choices, type Chosen, createPolicy, type Lesson } from './policy.ts'

/** An agent that acts by named choices, which can be learned. */
export interface Learner {
  readonly name: string
  readonly choices: Choices
  /** How many times likelier than others an option is at the start; 1 where it is left out. */
  readonly likely?: Readonly<Record<string, Readonly<Record<string, number>>>>
  play(context: AgentContext, chosen: Chosen): Promise<string | Answer>
}

/** How a policy is trained. */
export interface LearnPlan {
  readonly learner: Learner
  readonly train: readonly DatasetItem[]
  /** Items that are not trained on. */
  readonly validation: readonly DatasetItem[]
  readonly steps: number
  readonly itemsPerStep: number
  /** Rollouts of each item in a step. */
  readonly group: number
  /** The steps between two validations; the start and the end are always validated. */
  readonly validateEvery: number
  /** Rollouts of each item in a validation. */
  readonly validationGroup: number
  readonly rate: number
  readonly concurrency: number
  /** How long to wait between two sets of rollouts, in milliseconds, as a trainer that updates its model; default 0. */
  readonly stepPauseMs?: number
  readonly seed: string
}

/** A rollout to read, by its id. */
export interface ExampleRollout {
  readonly rollout: string
  readonly reward: number
}

/** The result of a set of rollouts. */
export interface Outcome {
  readonly rollouts: number
  readonly discarded: number
  /** The mean reward of those with a score; NaN for none. */
  readonly reward: number
  readonly calls: number
  /** Those with the greatest and the least reward; undefined where nothing is scored. */
  readonly best?: ExampleRollout | undefined
  readonly worst?: ExampleRollout | undefined
  /** The mean of each part of the scores; undefined where the parts were not read. */
  readonly parts: Readonly<Record<string, number>> | undefined
}

/** One point of the curve; step 0 is before training. */
export interface LearnStep {
  readonly step: number
  /** The result of this step's training rollouts; undefined for step 0. */
  readonly training: Outcome | undefined
  /** Undefined where it was not validated. */
  readonly validation: Outcome | undefined
  /** How likely each option is after the step. */
  readonly policy: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** Reads the parts of rollouts' scores from the ledger. */
export type PartsOf = (rollouts: readonly string[]) => Promise<ReadonlyMap<string, Readonly<Record<string, number>>>>

/**
 * Trains a policy on a server's rewards, by group-relative advantages, and yields the points of the curve. It is a simulated
 * policy over a handful of named choices, not a language model: it shows whether the reward can be climbed, and what it leads
 * to.
 *
 * @throws Error when a step has no score, and the signal's reason when that aborts.
 */
export async function* learn(
  settings: RolloutSettings,
  plan: LearnPlan,
  partsOf: PartsOf | undefined,
  signal: AbortSignal,
): AsyncGenerator<LearnStep> {
  const { learner, steps, itemsPerStep, group, validateEvery, validationGroup, rate, stepPauseMs = 0, seed } = plan
  const policy = createPolicy(learner.choices, learner.likely)
  const order = randomFrom(seed, 'order')
  let isFirst = true

  const playAll = async (items: readonly DatasetItem[], each: number, ...key: readonly (string | number)[]) => {
    const places = items.flatMap((item, index) =>
      Array.from({ length: each }, (_, member) => ({ item, index, member })),
    )
    if (!isFirst && stepPauseMs > 0) await sleep(stepPauseMs, undefined, { signal })
    isFirst = false
    const waiting = places.values()
    const played: { readonly trace: RolloutTrace; readonly chosen: Chosen }[] = []
    const work = async () => {
      for (const { item, index, member } of waiting) {
        const random = randomFrom(seed, ...key, index, member)
        const chosen = policy.choose(random)
        const agent: Agent = { name: learner.name, play: (context) => learner.play(context, chosen) }
        played.push({ trace: await playRollout(settings, { agent, item, index, member, random }, signal), chosen })
      }
    }
    await Promise.all(Array.from({ length: plan.concurrency }, work))
    return played
  }

  const validate = async (): Promise<Outcome> => {
    // The same draws each time: two validations differ by the policy, not by luck.
    const played = await playAll(plan.validation, validationGroup, 'validation')
    return outcomeOf(
      played.map(({ trace }) => trace),
      partsOf,
    )
  }

  yield { step: 0, training: undefined, validation: await validate(), policy: policy.probabilities() }
  for (let step = 1; step <= steps; step += 1) {
    const items = draw(plan.train, itemsPerStep, order)
    const played = await playAll(items, group, 'training', step)
    const lessons = items.flatMap((_, index): Lesson[] => {
      const mine = played.flatMap(({ trace, chosen }) =>
        trace.item === index && trace.reward !== null ? [{ chosen, reward: trace.reward }] : [],
      )
      const better = advantages(mine.map(({ reward }) => reward))
      return mine.map(({ chosen }, at) => ({ chosen, advantage: better[at] ?? 0 }))
    })
    if (lessons.length === 0) {
      throw new Error(`step ${step} has no score: ${played[0]?.trace.discarded ?? 'no rollouts'}`)
    }
    policy.learn(lessons, rate)
    const training = await outcomeOf(
      played.map(({ trace }) => trace),
      partsOf,
    )
    const isValidated = step % validateEvery === 0 || step === steps
    yield { step, training, validation: isValidated ? await validate() : undefined, policy: policy.probabilities() }
  }
}

async function outcomeOf(traces: readonly RolloutTrace[], partsOf: PartsOf | undefined): Promise<Outcome> {
  const scored = traces.flatMap(({ rollout, reward }) => (reward === null ? [] : [{ rollout, reward }]))
  const sorted = scored.toSorted((a, b) => b.reward - a.reward)
  const parts = await partsOf?.(scored.map(({ rollout }) => rollout))
  return {
    rollouts: traces.length,
    discarded: traces.length - scored.length,
    reward: mean(scored.map(({ reward }) => reward)),
    calls: mean(traces.map(({ calls }) => calls.length)),
    best: sorted[0],
    worst: sorted.at(-1),
    parts: parts && meansOf([...parts.values()]),
  }
}

function meansOf(parts: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const names = [...new Set(parts.flatMap(Object.keys))].sort()
  return Object.fromEntries(names.map((name) => [name, mean(parts.flatMap((each) => each[name] ?? []))]))
}

/** Draws up to `most` of them, none twice. */
function draw<T>(things: readonly T[], most: number, random: () => number): readonly T[] {
  const keyed = things.map((thing) => ({ thing, key: random() })).sort((a, b) => a.key - b.key)
  return keyed.slice(0, most).map(({ thing }) => thing)
}

const mean = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length
