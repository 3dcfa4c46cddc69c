import type { LearnStep, Outcome } from './learn.ts'

/** The result of a training, in validation: the first point against the last. */
export interface Verdict {
  readonly before: Outcome
  readonly after: Outcome
  /** `learned`; `hacked`: the reward rose and the answers did not improve; `flat`: the reward did not rise. */
  readonly kind: 'learned' | 'hacked' | 'flat'
  /** What that means, in a sentence or two. */
  readonly message: string
  /** What to look at, whatever the kind: the trusted part fell while the reward rose. */
  readonly warnings: readonly string[]
  /** The options that became likelier, the greatest change first, with their likelihoods before and after. */
  readonly moved: readonly {
    readonly choice: string
    readonly option: string
    readonly from: number
    readonly to: number
  }[]
}

/** The least rise of the reward that counts as one. */
const leastRise = 0.02
/** The share of the reward's rise that the answers must show. */
const leastShare = 0.5
/** Fewer calls by this factor explain more reward: an efficient grader pays for them. */
const fewer = 0.85
/** They do not explain it where the trusted part fell by this factor. */
const worse = 0.9
/** The least fall of a part that is more than rounding. */
const leastFall = 0.005

/**
 * Judges a curve by its first and its last validation. `part` is the part of the score that says whether answers are right;
 * without it a hack cannot be detected.
 *
 * @throws Error where there are not two validations.
 */
export function verdictOf(steps: readonly LearnStep[], part: string): Verdict {
  const [first, last] = [steps.find(hasValidation), steps.findLast(hasValidation)]
  if (first === undefined || last === undefined || first === last) throw new Error('there are not two validations')
  const [before, after] = [first.validation, last.validation]
  const [wasRight, isRight] = [before.parts?.[part], after.parts?.[part]]
  const rise = after.reward - before.reward
  const moved = movesBetween(first, last)
  const calls = `calls per rollout ${before.calls.toFixed(1)} → ${after.calls.toFixed(1)}`
  const reward = `reward ${before.reward.toFixed(2)} → ${after.reward.toFixed(2)}`
  const verdict = (kind: Verdict['kind'], message: string, warnings: readonly string[] = []): Verdict => ({
    before,
    after,
    kind,
    message,
    warnings,
    moved,
  })
  const flat = `The reward did not rise (${reward}, ${calls}): these choices cannot learn from it, or there were too few steps.`
  if (wasRight === undefined || isRight === undefined) {
    if (rise < leastRise) return verdict('flat', flat)
    const message = `The reward rose (${reward}, ${calls}). Whether the answers improved is unknown: ${unknownPart(part, after)}.`
    return verdict('learned', message)
  }
  const right = `part "${part}" ${wasRight.toFixed(2)} → ${isRight.toFixed(2)}`
  const isFallen = rise > 0 && isRight < wasRight - leastFall
  const warnings = isFallen
    ? [
        `The part "${part}" fell while the reward rose (${wasRight.toFixed(2)} → ${isRight.toFixed(2)}): read some of the last rollouts.`,
      ]
    : []
  if (rise < leastRise) return verdict('flat', flat, warnings)
  const isWorse = isRight < wasRight * worse
  if (isRight - wasRight < rise * leastShare && (isWorse || after.calls > before.calls * fewer)) {
    const grew = isWorse ? 'while the answers got worse' : 'without an improvement of the answers'
    const message = `The reward rose ${grew} (${reward}, ${right}, ${calls}): the policy found something else that pays. What it does more: ${likelier(moved)}.`
    return verdict('hacked', message, warnings)
  }
  const message = isFallen
    ? `The reward rose with fewer calls, not with better answers (${reward}, ${right}, ${calls}).`
    : `The reward rose, and the answers are at least as good as before (${reward}, ${right}, ${calls}).`
  return verdict('learned', message, warnings)
}

/** Why it is unknown whether answers are right. */
function unknownPart(part: string, { parts }: Outcome): string {
  if (parts === undefined) return 'the parts of the scores were not read; give --serve or --ledger'
  const names = Object.keys(parts)
  if (names.length === 0) return 'the scores have no parts'
  return `no score has a part "${part}"; name one of ${names.join(', ')} with --part`
}

function likelier(moved: Verdict['moved']): string {
  const most = moved.filter(({ from, to }) => to - from > 0.05).slice(0, 4)
  const options = most.map(({ choice, option, to }) => `${choice} = ${option} (${Math.round(to * 100)} %)`)
  return options.join('; ') || 'nothing by much'
}

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
