import type { Spread } from '../ledger/spread.ts'
import { percent } from './findings.ts'

/** What a spread means, for a person. */
export function spreadReport(spread: Spread): string {
  const { rollouts, failing, items, groups, withoutSpread, neverSolved, alwaysSolved, meanDeviation, flat } = spread
  if (rollouts === 0) return 'no scored rollouts of this grader are recorded'
  const share = failing / rollouts
  const lines = [
    `${rollouts} scored rollouts of ${items} items; ${percent(share)} of the rollouts fail (25 to 50 % is the published advice)${adviceOn(share)}`,
  ]
  if (groups === 0)
    return [...lines, 'no item has two rollouts: there are no groups whose spread could be counted'].join('\n')
  const of = (count: number) => `${count} of ${groups} groups (${percent(count / groups)})`
  return [
    ...lines,
    `without a spread, which teach nothing: ${of(withoutSpread)}`,
    `never solved: ${of(neverSolved)}; look whether the item, its label or the grader is wrong before you leave them out`,
    `always solved: ${of(alwaysSolved)}; they cost rollouts and teach nothing`,
    `mean standard deviation within a group: ${meanDeviation?.toFixed(3) ?? '–'}`,
    ...(flat.length === 0 ? [] : ['', 'the largest groups without a spread:']),
    ...flat.map(
      ({ item, rollouts: count, score }) => `  ${item.slice(0, 12)}  ${count} rollouts, all ${score.toFixed(2)}`,
    ),
  ].join('\n')
}

function adviceOn(failing: number): string {
  if (failing > 0.9) return ': too hard to learn from; begin with easier items, or give partial credit'
  if (failing < 0.1) return ': hardly anything is left to be learned'
  return ''
}
