import { type Moments, meanOf, noMoments, type Stats, sumStats } from '../../ledger/rollups/stats.ts'
import { visible } from '../components/page.ts'
import { countText, numberText, shareText } from '../components/text.tsx'
import { axisNames, shareOf } from '../curves.ts'
import type { AlarmLevel } from './alarm.ts'
import { changeOf, farApart, type Window } from './history.ts'
import { thresholds } from './thresholds.ts'

/** What a rule finds in a window: an alarm, nothing wrong, or too little to say. */
export type Finding =
  | { readonly state: 'alarm'; readonly level: AlarmLevel; readonly seen: string }
  | { readonly state: 'ok' | 'no data' }

/** A rule of a run. Its name is that of its alarm. */
export interface Rule {
  readonly name: string
  readonly find: (window: Window) => Finding
  /** Whether it is about outages, which are looked for in the latest minutes too. */
  readonly isOutage?: boolean
}

const ok: Finding = { state: 'ok' }
const noData: Finding = { state: 'no data' }
const alarm = (level: AlarmLevel, seen: string): Finding => ({ state: 'alarm', level, seen })

/** An alarm from a share and its thresholds. */
export function byThreshold(
  value: number,
  { warn, page = Number.POSITIVE_INFINITY }: { readonly warn: number; readonly page?: number },
  seen: string,
): Finding {
  if (value < warn) return ok
  return alarm(value >= page ? 'page' : 'warn', seen)
}

/** "over 20 bursts". */
const periodOf = ({ history }: Window) => `over ${thresholds.change.bursts} ${axisNames[history.axis]}s`

const gradings = ({ graders }: Stats) =>
  Object.values(graders).reduce(
    (sum, grader) => ({
      all: sum.all + grader.scored + grader.failed + grader.ungradable,
      lost: sum.lost + grader.failed + grader.ungradable,
    }),
    { all: 0, lost: 0 },
  )

/** The most frequent of some codes, for the sentence of an alarm. */
function topCode({ codes }: Stats, kind: 'grading' | 'call'): string {
  const own = Object.entries(codes).filter(([code]) => code.startsWith(`${kind} `) && !code.endsWith('refused_by_tool'))
  const [most] = own.sort(([, a], [, b]) => b - a)
  return most === undefined ? '' : ` (most: ${visible(most[0].slice(kind.length + 1))})`
}

const noScore: Rule = {
  name: 'no_score',
  isOutage: true,
  find({ stats }) {
    const { all, lost } = gradings(stats)
    if (all < thresholds.noScore.leastGradings) return noData
    const seen = `${shareText(lost / all)} of ${countText(all)} gradings gave no score${topCode(stats, 'grading')}.`
    return byThreshold(lost / all, thresholds.noScore, seen)
  },
}

const failedCalls: Rule = {
  name: 'failed_calls',
  isOutage: true,
  find({ stats }) {
    const tools = Object.entries(stats.tools)
    const all = tools.reduce((sum, [, { ok, refused, failed }]) => sum + ok + refused + failed, 0)
    const failed = tools.reduce((sum, [, tool]) => sum + tool.failed, 0)
    if (all < thresholds.failedCalls.leastCalls) return noData
    const [worst] = tools.sort(([, a], [, b]) => b.failed - a.failed)
    const named = worst === undefined ? '' : `, most of ${visible(worst[0])}`
    const seen = `${shareText(failed / all)} of ${countText(all)} calls failed${named}${topCode(stats, 'call')}.`
    return byThreshold(failed / all, thresholds.failedCalls, seen)
  },
}

const noSpread: Rule = {
  name: 'no_spread',
  find({ stats: { groups, flat, solved, unsolved } }) {
    if (groups < thresholds.noSpread.leastGroups) return noData
    const seen = `In ${shareText(flat / groups)} of ${countText(groups)} groups all rewards are equal; ${countText(solved)} are all solved, ${countText(unsolved)} not at all.`
    return byThreshold(flat / groups, thresholds.noSpread, seen)
  },
}

const ceiling: Rule = {
  name: 'ceiling',
  find({ stats: { score } }) {
    const mean = meanOf(score)
    if (mean === undefined || score.count < thresholds.ceiling.leastScores) return noData
    if ((score.most ?? 0) > 1) return ok
    return byThreshold(
      mean,
      thresholds.ceiling,
      `The mean reward is ${numberText(mean)} over ${countText(score.count)} rollouts.`,
    )
  },
}

/** How a number changed, and the trusted part with it; undefined without the one or the other. */
function besideTrusted(window: Window, of: (stats: Stats) => Moments) {
  const { trusted } = window.history
  const apart = farApart(window, thresholds.change.bursts)
  if (trusted === undefined || apart === undefined) return undefined
  const [before, after] = apart
  const { leastScores } = thresholds.change
  const change = changeOf(of(before), of(after), leastScores)
  const part = changeOf(before.parts[trusted] ?? noMoments, after.parts[trusted] ?? noMoments, leastScores)
  return change && part && { change, part, trusted }
}

const rewardWithoutWork: Rule = {
  name: 'reward_without_work',
  find(window) {
    const found = besideTrusted(window, ({ score }) => score)
    if (found === undefined) return noData
    const { change: reward, part, trusted } = found
    const limits = thresholds.rewardWithoutWork
    const isHigher = reward.difference >= limits.reward && reward.difference >= 2 * reward.error
    if (!isHigher || part.difference > limits.trusted) return ok
    const fell = part.difference < -limits.trusted ? 'fell' : 'stayed'
    const seen = `Reward rose ${numberText(reward.before)} → ${numberText(reward.after)} ${periodOf(window)}, while ${visible(trusted)}, the trusted part, ${fell} ${numberText(part.before)} → ${numberText(part.after)}.`
    return alarm('page', seen)
  },
}

const partsDiverge: Rule = {
  name: 'parts_diverge',
  find(window) {
    const apart = farApart(window, thresholds.change.bursts)
    if (apart === undefined) return noData
    const [before, after] = apart
    const changes = Object.keys(after.parts).flatMap((name) => {
      const change = changeOf(
        before.parts[name] ?? noMoments,
        after.parts[name] ?? noMoments,
        thresholds.change.leastScores,
      )
      return change === undefined ? [] : [{ name, ...change }]
    })
    if (changes.length < 2) return noData
    const sorted = changes.sort((a, b) => b.difference - a.difference)
    const [up, down] = [sorted[0], sorted.at(-1)]
    const { change } = thresholds.partsDiverge
    if (up === undefined || down === undefined || up.difference < change || down.difference > -change) return ok
    const told = ({ name, before, after }: typeof up) => `${visible(name)} ${numberText(before)} → ${numberText(after)}`
    return alarm('warn', `${told(up)} rises while ${told(down)} falls ${periodOf(window)}.`)
  },
}

const sameAnswer: Rule = {
  name: 'same_answer',
  find({ stats, history }) {
    const { share, increase, leastItems } = thresholds.sameAnswer
    if (stats.items < leastItems) return noData
    const [most] = Object.entries(stats.answers).sort(([, a], [, b]) => b.count - a.count)
    if (most === undefined) return noData
    const [hash, { count, text }] = most
    const now = count / stats.items
    if (now < share) return ok
    const start = sumStats(history.first.map((point) => point.stats))
    const then = shareOf(start.answers[hash]?.count ?? 0, start.items) ?? 0
    // Where the answers are few by nature, such as yes and no, they were as frequent from the beginning.
    if (now < increase * then) return ok
    return alarm('warn', `The answer “${visible(text)}” was given for ${shareText(now)} of the items.`)
  },
}

const fewerCalls: Rule = {
  name: 'fewer_calls',
  find(window) {
    const found = besideTrusted(window, (stats) => stats.calls)
    if (found === undefined) return noData
    const { change: calls, part, trusted } = found
    const limits = thresholds.fewerCalls
    if (calls.before === 0 || calls.after > limits.share * calls.before || part.difference > limits.trusted) return ok
    return alarm(
      'warn',
      `Calls per rollout fell ${numberText(calls.before)} → ${numberText(calls.after)} ${periodOf(window)}, and ${visible(trusted)} did not rise.`,
    )
  },
}

const longAnswers: Rule = {
  name: 'long_answers',
  find(window) {
    const apart = farApart(window, thresholds.change.bursts)
    const length = apart && changeOf(apart[0].length, apart[1].length, thresholds.change.leastScores)
    if (length === undefined) return noData
    const { times, leastCharacters } = thresholds.longAnswers
    if (length.after < leastCharacters || length.after < times * length.before) return ok
    return alarm(
      'warn',
      `Answers grew from ${countText(length.before)} to ${countText(length.after)} characters ${periodOf(window)}.`,
    )
  },
}

const repetitiveAnswers: Rule = {
  name: 'repetitive_answers',
  find({ stats: { compression } }) {
    const ratio = meanOf(compression)
    const { ratio: limit, leastAnswers } = thresholds.repetitiveAnswers
    if (ratio === undefined || compression.count < leastAnswers) return noData
    return byThreshold(ratio, { warn: limit }, `Answers compress ${numberText(ratio)} to one.`)
  },
}

const jump: Rule = {
  name: 'jump',
  find({ until, history }) {
    const { windowBursts } = thresholds
    const [before, after] = [until.slice(-windowBursts - 2, -2), until.slice(-2)].map((points) =>
      sumStats(points.map(({ stats }) => stats)),
    )
    if (before === undefined || after === undefined || until.length < windowBursts + 2) return noData
    const change = changeOf(before.score, after.score, thresholds.change.leastScores / 2)
    if (change === undefined) return noData
    const size = Math.abs(change.difference)
    const { errors, leastChange } = thresholds.jump
    if (size < leastChange || size < errors * change.error) return ok
    return alarm(
      'warn',
      `The reward went from ${numberText(change.before)} to ${numberText(change.after)} within two ${axisNames[history.axis]}s.`,
    )
  },
}

const overfit: Rule = {
  name: 'overfit',
  find({ history, until }) {
    const { validations: size, validation, training } = thresholds.overfit
    const end = until.at(-1)?.first_at ?? 0
    const past = history.validations.filter(({ first_at }) => first_at <= end)
    const sides = [past.slice(-2 * size, -size), past.slice(-size)]
    const [early, late] = sides.map((points) => sumStats(points.map(({ stats }) => stats)).score)
    if (past.length < 2 * size || early === undefined || late === undefined) return noData
    const held = changeOf(early, late, 10)
    const [middle = 0, start = 0] = [sides[1]?.[0]?.first_at, sides[0]?.[0]?.first_at]
    const between = (from: number, to: number) =>
      sumStats(until.flatMap(({ first_at, stats }) => (first_at >= from && first_at < to ? [stats] : []))).score
    const trained = changeOf(between(start, middle), between(middle, Number.POSITIVE_INFINITY), 10)
    if (held === undefined || trained === undefined) return noData
    const isDown = held.difference <= -validation && held.difference <= -2 * held.error
    if (!isDown || trained.difference < training) return ok
    return alarm(
      'warn',
      `Validation fell ${numberText(held.before)} → ${numberText(held.after)} while training rose ${numberText(trained.before)} → ${numberText(trained.after)}.`,
    )
  },
}

const budget: Rule = {
  name: 'budget',
  find({ stats: { exhausted, calls } }) {
    if (calls.count < thresholds.budget.leastRollouts) return noData
    const seen = `${shareText(exhausted / calls.count)} of ${countText(calls.count)} rollouts asked for more calls than their budget has.`
    return byThreshold(exhausted / calls.count, thresholds.budget, seen)
  },
}

/** The rules of runs. */
export const runRules: readonly Rule[] = [
  noScore,
  failedCalls,
  rewardWithoutWork,
  partsDiverge,
  noSpread,
  ceiling,
  sameAnswer,
  fewerCalls,
  longAnswers,
  repetitiveAnswers,
  jump,
  overfit,
  budget,
]
