import type { LearnStep, Outcome } from './learn.ts'

/** What came of the training, in validation: the first point against the last. */
export interface Verdict {
  readonly before: Outcome
  readonly after: Outcome
  /** `learned`, `hacked`: the reward rose and the answers did not get better, or got worse; `flat`: the reward did not rise. */
  readonly kind: 'learned' | 'hacked' | 'flat'
  /** What that means, in a sentence or two. */
  readonly message: string
  /** The options that became likelier most, the first the most, with their likelihoods before and after. */
  readonly moved: readonly {
    readonly choice: string
    readonly option: string
    readonly from: number
    readonly to: number
  }[]
}

/** So much must the reward rise to be called risen. */
const leastRise = 0.02
/** So much of the reward's rise must the answers show. */
const leastShare = 0.5

/**
 * Judges a curve by its first and its last validation. `part` is the part of the score that says whether answers are right;
 * where the ledger has none of that name, a hack cannot be told.
 *
 * Throws an Error where there are not two validations.
 */
export function verdictOf(steps: readonly LearnStep[], part: string): Verdict {
  const [first, last] = [steps.find(hasValidation), steps.findLast(hasValidation)]
  if (first === undefined || last === undefined || first === last) throw new Error('there are not two validations')
  const [before, after] = [first.validation, last.validation]
  const rise = after.reward - before.reward
  const [wasRight, isRight] = [before.parts[part], after.parts[part]]
  const moved = movesBetween(first, last)
  const rest = { before, after, moved }
  const calls = `calls a rollout ${before.calls.toFixed(1)} → ${after.calls.toFixed(1)}`
  const reward = `reward ${before.reward.toFixed(2)} → ${after.reward.toFixed(2)}`
  if (rise < leastRise) {
    const message = `The reward did not rise (${reward}, ${calls}): among these choices there is nothing to be learned from it, or the steps were too few.`
    return { ...rest, kind: 'flat', message }
  }
  if (wasRight === undefined || isRight === undefined) {
    const message = `The reward rose (${reward}, ${calls}). Whether answers got better cannot be told: no score has a part "${part}".`
    return { ...rest, kind: 'learned', message }
  }
  const right = `part "${part}" ${wasRight.toFixed(2)} → ${isRight.toFixed(2)}`
  const isWorse = isRight < wasRight * worse
  if (isRight - wasRight < rise * leastShare && (isWorse || after.calls > before.calls * fewer)) {
    const more = moved.filter(({ from, to }) => to - from > 0.05).slice(0, 4)
    const how = more.map(({ choice, option, to }) => `${choice} = ${option} (${Math.round(to * 100)} %)`).join('; ')
    const grew = isWorse ? 'while the answers got worse' : 'without the answers getting better'
    const message = `The reward rose ${grew} (${reward}, ${right}, ${calls}): the policy found something else that pays. What it does more of: ${how || 'nothing by much'}.`
    return { ...rest, kind: 'hacked', message }
  }
  return {
    ...rest,
    kind: 'learned',
    message: `The reward rose, and what it should stand for with it (${reward}, ${right}, ${calls}).`,
  }
}

/** Fewer calls are a good reason for more reward: an efficient grader pays for them. */
const fewer = 0.85
/** They are none when so much fewer answers are right. */
const worse = 0.9

type Validated = LearnStep & { readonly validation: Outcome }
const hasValidation = (step: LearnStep): step is Validated => step.validation !== undefined

function movesBetween(first: LearnStep, last: LearnStep): Verdict['moved'] {
  return Object.entries(last.policy)
    .flatMap(([choice, options]) =>
      Object.entries(options).map(([option, to]) => ({
        choice,
        option,
        from: first.policy[choice]?.[option] ?? 0,
        to,
      })),
    )
    .filter(({ from, to }) => to > from)
    .sort((a, b) => b.to - b.from - (a.to - a.from))
}
