import { shorten } from '../../base/text.ts'
import type { Grader } from '../../kit/define-grader.ts'
import type { Attack, AttackMaterial } from './attack.ts'
import type { FindingExample } from './finding.ts'
import { saysTheSame } from './references.ts'
import type { CheckRow } from './rows.ts'
import { type CheckServices, shareOf, type Tried, type TriedAnswer, tryAnswer } from './try-answer.ts'

/** A grader, and what it is checked with. */
export interface CheckMaterial extends AttackMaterial {
  readonly grader: Grader
  readonly services: CheckServices
}

/** An answer that was tried on one item. */
export interface Trial {
  readonly attempt: string
  /** The row's position, from 0. */
  readonly at: number
  readonly answer: TriedAnswer
  readonly tried: Tried
}

/** Tries an attack on every item, several at a time; skips items for which its answer is right. */
export async function tryAttack(material: CheckMaterial, attack: Attack): Promise<readonly Trial[]> {
  const { grader, references } = material
  const trials = await tryAll(material, attack.name, (row, at) => {
    const answer = attack.answer(row, at)
    const isWrong = attack.hasRightText || (answer && !isRight(grader, row, references[at], answer))
    return answer !== undefined && isWrong ? [answer] : []
  })
  return attack.isMadeUp ? trials.filter(({ tried }) => tried.kind === 'scored') : trials
}

/** Tries answers on every item, several at a time; returns the trials in the order of the items. */
export async function tryAll(
  { grader, rows, services }: CheckMaterial,
  attempt: string,
  answersTo: (row: CheckRow, at: number) => readonly TriedAnswer[],
): Promise<readonly Trial[]> {
  const trials: Trial[] = []
  const waiting = rows.entries()
  const work = async () => {
    for (const [at, row] of waiting) {
      for (const answer of answersTo(row, at)) {
        trials.push({ attempt, at, answer, tried: await tryAnswer(grader, row.item, answer, services) })
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return trials.sort((a, b) => a.at - b.at)
}

const atOnce = 4

/** Whether an answer that is meant to be wrong happens to be right, or has a label above the minimum. */
function isRight(
  grader: Grader,
  { answers }: CheckRow,
  reference: string | undefined,
  { output }: TriedAnswer,
): boolean {
  if (reference !== undefined && saysTheSame(output, reference)) return true
  return answers.some(({ output_text, label }) => saysTheSame(output_text, output) && shareOf(label, grader) > 0.1)
}

/** What trials earned on average; undefined if none got a score. */
export function meanShare(trials: readonly Trial[]): number | undefined {
  const shares = trials.flatMap(({ tried }) => (tried.kind === 'scored' ? [tried.share] : []))
  return shares.length === 0 ? undefined : shares.reduce((sum, share) => sum + share, 0) / shares.length
}

/** A trial as an example of a finding. */
export function exampleOf({ attempt, at, answer, tried }: Trial): FindingExample {
  const calls = answer.calls === undefined || answer.calls.length === 0 ? '' : ` after ${answer.calls.length} calls`
  return {
    attempt,
    item: at + 1,
    output: `${JSON.stringify(shorten(answer.output, 60))}${calls}`,
    earned: tried.kind === 'scored' ? tried.share : null,
    reason: tried.kind === 'scored' ? (tried.reason ?? '') : tried.message,
  }
}
