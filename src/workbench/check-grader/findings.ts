import { shorten } from '../../base/text.ts'
import { type Finding, percent } from './finding.ts'
import { mostCommon } from './references.ts'
import { type CheckMaterial, exampleOf, meanShare, type Trial } from './try-all.ts'

/** The rounding error of a mean of equal shares. */
const roundingError = 1e-9

const nothing = { advice: '', examples: [] } as const

/** Checks that every answer got a score within the range, unless its item cannot be graded. */
export function faults(all: readonly Trial[]): Finding {
  const check = 'faults'
  const failed = all.filter(({ tried }) => tried.kind === 'failed')
  const silent = all.filter(({ tried }) => tried.kind === 'ungradable')
  const misfits = new Set(all.flatMap(({ at, tried }) => (tried.kind === 'misfit' ? [at] : [])))
  if (failed.length > 0) {
    const advice =
      'Each such grading is answered with a 5xx and its rollout is lost. Return a score for every answer that a model can give.'
    const found = `${failed.length} of ${all.length} answers got no score: ${messageOf(failed[0])}`
    return { check, verdict: 'fail', found, advice, examples: failed.slice(0, 3).map(exampleOf) }
  }
  if (silent.length > 0) {
    const found = `${silent.length} of ${all.length} answers could not be judged: ${messageOf(silent[0])}`
    const advice = 'Set up what the grader calls: without it, the check proves nothing about the grader.'
    return { check, verdict: silent.length === all.length ? 'fail' : 'warn', found, advice, examples: [] }
  }
  if (all.every(({ tried }) => tried.kind === 'misfit')) {
    const found = `no item could be graded: ${messageOf(all[0])}`
    return { check, verdict: 'fail', found, advice: 'Pass items that fit the environment’s schema.', examples: [] }
  }
  if (misfits.size > 0) {
    const found = `${misfits.size} items cannot be graded: ${messageOf(all.find(({ tried }) => tried.kind === 'misfit'))}`
    return {
      check,
      verdict: 'warn',
      found,
      advice: 'Rollouts of such items are lost: fix or remove the items.',
      examples: [],
    }
  }
  return { check, verdict: 'pass', found: `${all.length} answers got a score within the range`, ...nothing }
}

/** Checks that right answers earn enough. */
export function rightness(rights: readonly Trial[], least: number): Finding {
  const check = 'right answers'
  const mean = meanShare(rights)
  const silent = rights.find(({ tried }) => tried.kind === 'ungradable')
  if (mean === undefined && silent !== undefined) {
    const advice = 'Set up what the grader calls: without it nothing shows that it pays at all.'
    return {
      check,
      verdict: 'fail',
      found: `right answers could not be judged: ${messageOf(silent)}`,
      advice,
      examples: [],
    }
  }
  if (mean === undefined) {
    const advice =
      'Name the field that has the answer with --reference, or pass labelled answers: without either nothing shows that the grader pays at all.'
    const found = rights.length === 0 ? 'no right answer is known' : 'no right answer got a score'
    return { check, verdict: 'warn', found, ...(rights.length === 0 ? { advice, examples: [] } : nothing) }
  }
  const found = `right answers earn ${percent(mean)} on average`
  const lesser = rights.filter(({ tried }) => tried.kind === 'scored' && tried.share < least - roundingError)
  if (mean >= least - roundingError) {
    if (lesser.length === 0) return { check, verdict: 'pass', found, ...nothing }
    const some = `${found}; ${lesser.length} of ${rights.length} earn less than ${percent(least)}`
    const advice = 'Each of them teaches that right is wrong. Read them: the grader or the label is wrong.'
    return { check, verdict: 'warn', found: some, advice, examples: worst(lesser, (share) => share) }
  }
  const advice = `Below ${percent(least)}, right and wrong answers can hardly be distinguished. Look at the grader’s reasons for these.`
  return { check, verdict: 'fail', found, advice, examples: worst(rights, (share) => share) }
}

/** Checks whether one answer is right for most items, which no grader can see. */
export function oneForAll(references: readonly (string | undefined)[]): Finding {
  const check = 'one answer for all'
  const known = references.filter((reference) => reference !== undefined)
  const common = mostCommon(known)
  if (common === undefined || known.length < 2) {
    return { check, verdict: 'warn', found: 'fewer than two right answers are known', ...nothing }
  }
  const share = known.filter((reference) => reference === common).length / known.length
  const found = `the most common right answer, ${JSON.stringify(shorten(common, 40))}, is right for ${percent(share)} of the items`
  if (share <= maxAlike) return { check, verdict: 'pass', found, ...nothing }
  const advice = 'A policy that always gives it earns as much without looking. Remove items until the answers balance.'
  return { check, verdict: 'warn', found, advice, examples: [] }
}

/** The share of each answer to balanced yes-or-no questions. */
const maxAlike = 0.5

/** Checks that none of these attacks pays more than it may, on average over the items. */
export function paid(check: string, attacks: readonly (readonly Trial[])[], most: number, advice: string): Finding {
  const earned = attacks
    .flatMap((trials) => {
      const mean = meanShare(trials)
      return mean === undefined ? [] : [{ trials, mean, name: trials[0]?.attempt ?? '' }]
    })
    .sort((a, b) => b.mean - a.mean)
  const [best] = earned
  if (best === undefined) {
    const found = attacks.flat().length === 0 ? 'none applies to these items' : 'none got a score'
    return { check, verdict: 'warn', found, ...nothing }
  }
  const found = `${best.name} earns ${percent(best.mean)}, the most of ${earned.length} tried`
  if (best.mean <= most + roundingError) return { check, verdict: 'pass', found, ...nothing }
  const others = earned.slice(1).filter(({ mean }) => mean > most + roundingError)
  const more =
    others.length === 0 ? '' : `; also: ${others.map(({ name, mean }) => `${name}, ${percent(mean)}`).join('; ')}`
  return { check, verdict: 'fail', found: `${found}${more}`, advice, examples: worst(best.trials, (share) => -share) }
}

/** Reports how long gradings took. */
export function speed(all: readonly Trial[], { grader }: CheckMaterial): Finding {
  const check = 'speed'
  const times = all.flatMap(({ tried }) => (tried.kind === 'scored' ? [tried.ms] : [])).sort((a, b) => a - b)
  if (times.length === 0) return { check, verdict: 'warn', found: 'no answer got a score', ...nothing }
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? Number.NaN
  const found = `half of the gradings took up to ${at(0.5).toFixed(1)} ms, 95 % up to ${at(0.95).toFixed(1)} ms`
  const limit = (grader.timeoutSeconds ?? 300) * 1_000
  if (!(at(0.95) > limit / 2)) return { check, verdict: 'pass', found, ...nothing }
  return {
    check,
    verdict: 'warn',
    found,
    advice: `This is more than half of its timeout, ${limit / 1_000} s.`,
    examples: [],
  }
}

/** The three trials that come first when ordered by what they earned. */
export function worst(trials: readonly Trial[], by: (share: number) => number): Finding['examples'] {
  const rank = ({ tried }: Trial) => (tried.kind === 'scored' ? by(tried.share) : Number.POSITIVE_INFINITY)
  return [...trials]
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, 3)
    .map(exampleOf)
}

const messageOf = (trial: Trial | undefined): string =>
  trial === undefined || trial.tried.kind === 'scored' ? 'there are no items' : trial.tried.message
