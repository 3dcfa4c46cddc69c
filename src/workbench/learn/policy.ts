/** The choices of a learning agent in a rollout: their names, and two or more options of each. */
export type Choices = Readonly<Record<string, readonly string[]>>

/** The option of each choice in a rollout. */
export type Chosen = Readonly<Record<string, string>>

/** A rollout to learn from: its options, and how much better it did than its group, in standard deviations of the group. */
export interface Lesson {
  readonly chosen: Chosen
  readonly advantage: number
}

/** A softmax over the options of each choice, the choices independent of one another. */
export interface Policy {
  /** Draws an option of each choice. */
  choose(random: () => number): Chosen
  /** The likelihood of each option, from 0 to 1. */
  probabilities(): Readonly<Record<string, Readonly<Record<string, number>>>>
  /**
   * Makes likelier what did better than its group: one step of the policy gradient, averaged over the lessons. Its size is
   * `rate` for a lesson with an advantage of 1.
   */
  learn(lessons: readonly Lesson[], rate: number): void
}

/**
 * Creates a policy without preferences, or with those of `likely`: how many times likelier than the others an option is at the
 * start.
 *
 * @throws RangeError for a choice with fewer than two options, or a preference for an unknown option.
 */
export function createPolicy(
  choices: Choices,
  likely: Readonly<Record<string, Readonly<Record<string, number>>>> = {},
): Policy {
  const logits = new Map<string, Map<string, number>>()
  for (const [name, options] of Object.entries(choices)) {
    if (new Set(options).size < 2)
      throw new RangeError(`the choice "${name}" has ${options.length} options; give it two or more`)
    logits.set(name, new Map(options.map((option) => [option, Math.log(likely[name]?.[option] ?? 1)])))
  }
  for (const [name, options] of Object.entries(likely)) {
    const unknown = Object.keys(options).find((option) => !logits.get(name)?.has(option))
    if (unknown !== undefined) throw new RangeError(`there is no option "${unknown}" of a choice "${name}"`)
  }
  return {
    choose: (random) => Object.fromEntries([...logits].map(([name, of]) => [name, draw(softmax(of), random())])),
    probabilities: () => Object.fromEntries([...logits].map(([name, of]) => [name, Object.fromEntries(softmax(of))])),
    learn(lessons, rate) {
      for (const [name, of] of logits) {
        const likelihood = softmax(of)
        for (const [option, logit] of of) {
          const push = lessons.reduce(
            (sum, { chosen, advantage }) =>
              sum + advantage * (Number(chosen[name] === option) - (likelihood.get(option) ?? 0)),
            0,
          )
          of.set(option, logit + (rate * push) / Math.max(1, lessons.length))
        }
      }
    },
  }
}

/**
 * How much better each reward is than its group, in standard deviations of the group; all 0 for a group without a spread, from
 * which nothing is learned.
 *
 * Source: Shao et al., "DeepSeekMath" (GRPO), 2024, section 4.1.
 *
 * @example advantages([0, 1]) // [-1, 1]
 */
export function advantages(rewards: readonly number[]): readonly number[] {
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length
  const deviation = Math.sqrt(rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0) / rewards.length)
  return rewards.map((reward) => (deviation < 1e-9 ? 0 : (reward - mean) / deviation))
}

function softmax(logits: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const most = Math.max(...logits.values())
  const weights = [...logits].map(([option, logit]) => [option, Math.exp(logit - most)] as const)
  const sum = weights.reduce((total, [, weight]) => total + weight, 0)
  return new Map(weights.map(([option, weight]) => [option, weight / sum]))
}

function draw(likelihood: ReadonlyMap<string, number>, at: number): string {
  let left = at
  let last = ''
  for (const [option, probability] of likelihood) {
    last = option
    left -= probability
    if (left < 0) return option
  }
  return last
}
