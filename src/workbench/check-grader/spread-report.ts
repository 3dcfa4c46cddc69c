import { z } from 'zod'
import { shorten } from '../../base/text.ts'
import type { Spread, SpreadGroup } from '../../ledger/reports/spread.ts'
import { percent } from './finding.ts'
import { questionOf } from './references.ts'

/** Formats a spread for a person. */
export function spreadReport(spread: Spread): string {
  const { rollouts, failing, items, groups, withoutSpread, neverSolved, alwaysSolved, meanDeviation, worthALook } =
    spread
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
    `never solved: ${of(neverSolved)}; check whether the item, its label or the grader is wrong before you remove them`,
    `always solved: ${of(alwaysSolved)}; they cost rollouts and teach nothing`,
    `mean standard deviation within a group: ${meanDeviation?.toFixed(3) ?? '–'}`,
    ...(worthALook.length === 0 ? [] : ['', 'worth a look, the largest groups first:']),
    ...worthALook.map(lineOf),
  ].join('\n')
}

function lineOf({ item, content, rollouts, failing, least, most }: SpreadGroup): string {
  const solved = failing === rollouts ? 'never solved' : failing === 0 ? 'always solved' : 'some solved'
  const scores = least === most ? `all ${least.toFixed(2)}` : `${least.toFixed(2)} to ${most.toFixed(2)}`
  const asked = z.record(z.string(), z.unknown()).safeParse(content)
  const question = asked.success ? shorten(questionOf(asked.data), 70) : 'the item was deleted'
  return `  ${item.slice(0, 12)}  ${rollouts} rollouts, ${scores}, ${solved}: ${question}`
}

function adviceOn(failing: number): string {
  if (failing > 0.9) return ': too hard to learn from; begin with easier items, or give partial credit'
  if (failing < 0.1) return ': there is hardly anything left to learn'
  return ''
}
