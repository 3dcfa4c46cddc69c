import { shorten } from '../../base/shorten.ts'
import { mostCommon } from './attacks.ts'
import type { Finding } from './finding.ts'
import { type CheckMaterial, exampleOf, meanShare, type Trial } from './try-all.ts'

/** What a mean of equal shares may be off by. */
const roundingError = 1e-9

const nothing = { advice: '', examples: [] } as const

/** Whether every answer came to a score within the range, or to an item's own fault. */
export function faults(all: readonly Trial[]): Finding {
  const check = 'faults'
  const failed = all.filter(({ tried }) => tried.kind === 'failed')
  const silent = all.filter(({ tried }) => tried.kind === 'ungradable')
  const misfits = new Set(all.flatMap(({ at, tried }) => (tried.kind === 'misfit' ? [at] : [])))
  if (failed.length > 0) {
    const advice =
      'Each such grading is answered with a 5xx and its rollout is lost. Give a score for every answer that a model can give.'
    const found = `${failed.length} of ${all.length} answers came to no score: ${messageOf(failed[0])}`
    return { check, verdict: 'fail', found, advice, examples: failed.slice(0, 3).map(exampleOf) }
  }
  if (silent.length > 0) {
    const found = `${silent.length} of ${all.length} answers could not be judged: ${messageOf(silent[0])}`
    const advice = 'What the grader asks must be set up for the check to say anything of it.'
    return { check, verdict: silent.length === all.length ? 'fail' : 'warn', found, advice, examples: [] }
  }
  if (all.every(({ tried }) => tried.kind === 'misfit')) {
    const found = `no item could be graded: ${messageOf(all[0])}`
    return { check, verdict: 'fail', found, advice: 'Give items of the shape that the environment has.', examples: [] }
  }
  if (misfits.size > 0) {
    const found = `${misfits.size} items cannot be graded: ${messageOf(all.find(({ tried }) => tried.kind === 'misfit'))}`
    return {
      check,
      verdict: 'warn',
      found,
      advice: 'Rollouts of such items are lost: mend or leave out the items.',
      examples: [],
    }
  }
  return { check, verdict: 'pass', found: `${all.length} answers came to a score within the range`, ...nothing }
}

/** Whether right answers earn what they should. */
export function rightness(rights: readonly Trial[], least: number): Finding {
  const check = 'right answers'
  const mean = meanShare(rights)
  const silent = rights.find(({ tried }) => tried.kind === 'ungradable')
  if (mean === undefined && silent !== undefined) {
    const advice = 'Set up what the grader asks: without it nothing says that it pays at all.'
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
      'Name the field that has the answer with --reference, or give labelled answers: without one nothing says that the grader pays at all.'
    const found = rights.length === 0 ? 'no right answer is known' : 'no right answer came to a score'
    return { check, verdict: 'warn', found, ...(rights.length === 0 ? { advice, examples: [] } : nothing) }
  }
  const found = `right answers earn ${percent(mean)} in the mean`
  const lesser = rights.filter(({ tried }) => tried.kind === 'scored' && tried.share < least - roundingError)
  if (mean >= least - roundingError) {
    if (lesser.length === 0) return { check, verdict: 'pass', found, ...nothing }
    const some = `${found}; ${lesser.length} of ${rights.length} earn less than ${percent(least)}`
    const advice = 'Each of them teaches that right is wrong. Read them: the grader is mistaken, or the label.'
    return { check, verdict: 'warn', found: some, advice, examples: worst(lesser, (share) => share) }
  }
  const advice = `Under ${percent(least)}, right is hardly told from wrong. Look at what the grader says of these.`
  return { check, verdict: 'fail', found, advice, examples: worst(rights, (share) => share) }
}

/** Whether one answer, right wherever it is given, would do for most items: no grader can see that. */
export function oneForAll(references: readonly (string | undefined)[]): Finding {
  const check = 'one answer for all'
  const known = references.filter((reference) => reference !== undefined)
  const common = mostCommon(known)
  if (common === undefined || known.length < 2) {
    return { check, verdict: 'warn', found: 'fewer than two right answers are known', ...nothing }
  }
  const share = known.filter((reference) => reference === common).length / known.length
  const found = `the most common right answer, ${JSON.stringify(shorten(common, 40))}, is right for ${percent(share)} of the items`
  if (share <= mostAlike) return { check, verdict: 'pass', found, ...nothing }
  const advice =
    'A policy that always says so earns as much without looking. Leave out items until the answers balance.'
  return { check, verdict: 'warn', found, advice, examples: [] }
}

/** As of the two answers of balanced yes-or-no questions. */
const mostAlike = 0.5

/** Whether any of these attacks pays more than it may, in the mean over the items. */
export function paid(check: string, attacks: readonly (readonly Trial[])[], most: number, advice: string): Finding {
  const earned = attacks
    .flatMap((trials) => {
      const mean = meanShare(trials)
      return mean === undefined ? [] : [{ trials, mean, name: trials[0]?.attempt ?? '' }]
    })
    .sort((a, b) => b.mean - a.mean)
  const [best] = earned
  if (best === undefined) {
    const found = attacks.flat().length === 0 ? 'none can be made of these items' : 'none came to a score'
    return { check, verdict: 'warn', found, ...nothing }
  }
  const found = `${best.name} earns ${percent(best.mean)}, the most of ${earned.length} tried`
  if (best.mean <= most + roundingError) return { check, verdict: 'pass', found, ...nothing }
  const others = earned.slice(1).filter(({ mean }) => mean > most + roundingError)
  const more =
    others.length === 0 ? '' : `; also: ${others.map(({ name, mean }) => `${name}, ${percent(mean)}`).join('; ')}`
  return { check, verdict: 'fail', found: `${found}${more}`, advice, examples: worst(best.trials, (share) => -share) }
}

/** How long gradings took. */
export function speed(all: readonly Trial[], { grader }: CheckMaterial): Finding {
  const check = 'speed'
  const times = all.flatMap(({ tried }) => (tried.kind === 'scored' ? [tried.ms] : [])).sort((a, b) => a - b)
  if (times.length === 0) return { check, verdict: 'warn', found: 'no answer came to a score', ...nothing }
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? Number.NaN
  const found = `half of the gradings took up to ${at(0.5).toFixed(1)} ms, 95 % up to ${at(0.95).toFixed(1)} ms`
  const limit = (grader.timeoutSeconds ?? 300) * 1_000
  if (!(at(0.95) > limit / 2)) return { check, verdict: 'pass', found, ...nothing }
  return {
    check,
    verdict: 'warn',
    found,
    advice: `That is over half of its time-out, ${limit / 1_000} s.`,
    examples: [],
  }
}

/** A share in whole percent, or in tenths where it is less than one. */
export const percent = (share: number): string => {
  const value = share * 100
  return `${Math.abs(value) < 1 && value !== 0 ? value.toFixed(1) : Math.round(value)} %`
}

/** The first three by an order of what they earned. */
export function worst(trials: readonly Trial[], by: (share: number) => number): Finding['examples'] {
  const rank = ({ tried }: Trial) => (tried.kind === 'scored' ? by(tried.share) : Number.POSITIVE_INFINITY)
  return [...trials]
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, 3)
    .map(exampleOf)
}

const messageOf = (trial: Trial | undefined): string =>
  trial === undefined || trial.tried.kind === 'scored' ? 'there are no items' : trial.tried.message
