import type { Agent, Answer, DatasetItem, Desk } from '../simulate/agent.ts'
import { playRollout, type RolloutSettings } from '../simulate/play-rollout.ts'
import { randomFrom } from '../simulate/random.ts'
import type { RolloutTrace } from '../simulate/trace.ts'
import { advantages, type Choices, type Chosen, createPolicy, type Lesson } from './policy.ts'

/** An agent whose conduct is a matter of named choices, which can be learned. */
export interface Learner {
  readonly name: string
  readonly choices: Choices
  /** How many times likelier than others an option is at the start; where nothing is said, all are alike. */
  readonly likely?: Readonly<Record<string, Readonly<Record<string, number>>>>
  play(desk: Desk, chosen: Chosen): Promise<string | Answer>
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
  /** How often it is validated, in steps; the start and the end always are. */
  readonly validateEvery: number
  /** Rollouts of each item in a validation. */
  readonly validationGroup: number
  readonly rate: number
  readonly concurrency: number
  readonly seed: string
}

/** What a set of rollouts came to. */
export interface Outcome {
  readonly rollouts: number
  readonly discarded: number
  /** The mean reward of those with a score; NaN for none. */
  readonly reward: number
  readonly calls: number
  /** The mean of each part that the ledger has. */
  readonly parts: Readonly<Record<string, number>>
}

/** One point of the curve; step 0 is before all training. */
export interface LearnStep {
  readonly step: number
  /** What this step's training rollouts came to; undefined for step 0. */
  readonly training: Outcome | undefined
  /** Undefined where it was not validated. */
  readonly validation: Outcome | undefined
  /** How likely each option is after the step. */
  readonly policy: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** The parts of rollouts' scores, as the ledger has them; empty where it cannot be asked. */
export type PartsOf = (rollouts: readonly string[]) => Promise<ReadonlyMap<string, Readonly<Record<string, number>>>>

/**
 * Trains a policy on a server's rewards, by group-relative advantages, and gives each point of the curve as it comes. It is a
 * simulated policy over a handful of named choices, no language model: what it finds out is whether the reward can be
 * climbed, and what it leads to.
 *
 * Throws an Error when a step has no score at all, and the signal's reason when that aborts.
 */
export async function* learn(
  settings: RolloutSettings,
  plan: LearnPlan,
  partsOf: PartsOf,
  signal: AbortSignal,
): AsyncGenerator<LearnStep> {
  const { learner, steps, itemsPerStep, group, validateEvery, validationGroup, rate, seed } = plan
  const policy = createPolicy(learner.choices, learner.likely)
  const order = randomFrom(seed, 'order')

  const playAll = async (items: readonly DatasetItem[], each: number, ...key: readonly (string | number)[]) => {
    const places = items.flatMap((item, index) =>
      Array.from({ length: each }, (_, member) => ({ item, index, member })),
    )
    const waiting = places.values()
    const played: { readonly trace: RolloutTrace; readonly chosen: Chosen }[] = []
    const work = async () => {
      for (const { item, index, member } of waiting) {
        const random = randomFrom(seed, ...key, index, member)
        const chosen = policy.choose(random)
        const agent: Agent = { name: learner.name, play: (desk) => learner.play(desk, chosen) }
        played.push({ trace: await playRollout(settings, { agent, item, index, member, random }, signal), chosen })
      }
    }
    await Promise.all(Array.from({ length: plan.concurrency }, work))
    return played
  }

  const validate = async (): Promise<Outcome> => {
    // The same draws each time: what differs between two validations is the policy, and not luck.
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
      throw new Error(`step ${step} has no score at all: ${played[0]?.trace.discarded ?? 'no rollouts'}`)
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

async function outcomeOf(traces: readonly RolloutTrace[], partsOf: PartsOf): Promise<Outcome> {
  const scored = traces.filter(({ reward }) => reward !== null)
  const parts = [...(await partsOf(scored.map(({ rollout }) => rollout))).values()]
  const names = [...new Set(parts.flatMap(Object.keys))].sort()
  return {
    rollouts: traces.length,
    discarded: traces.length - scored.length,
    reward: mean(scored.map(({ reward }) => reward ?? 0)),
    calls: mean(traces.map(({ calls }) => calls.length)),
    parts: Object.fromEntries(
      names.map((name) => [name, mean(parts.flatMap((each) => (each[name] === undefined ? [] : [each[name]])))]),
    ),
  }
}

/** So many of them, none twice. */
function draw<T>(things: readonly T[], most: number, random: () => number): readonly T[] {
  const keyed = things.map((thing) => ({ thing, key: random() })).sort((a, b) => a.key - b.key)
  return keyed.slice(0, most).map(({ thing }) => thing)
}

const mean = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length
