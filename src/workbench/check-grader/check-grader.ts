import { type Attack, degenerateAnswers, degenerateTrajectories, nearMisses } from './attacks.ts'
import { calibration } from './calibration.ts'
import type { Finding } from './finding.ts'
import { faults, oneForAll, paid, rightness, speed } from './findings.ts'
import { rightAnswersOf } from './references.ts'
import { formatting, sameTwice } from './repeats.ts'
import type { LabelledAnswer } from './rows.ts'
import { type CheckMaterial, type Trial, tryAll, tryAttack } from './try-all.ts'
import type { TriedAnswer } from './try-answer.ts'

/** How much may be earned by what, as shares of the grader's range from 0 to 1. */
export interface CheckThresholds {
  /** At most this, in the mean over the items, by any degenerate answer or trajectory; 0.1 when left out. */
  readonly threshold?: number | undefined
  /** At most this, in the mean, by any near miss; `threshold` when left out. */
  readonly nearMisses?: number | undefined
  /** At least this, in the mean, by right answers: those without labels, or labelled 0.9 and more; 0.9 when left out. */
  readonly right?: number | undefined
  /** At least this rank correlation with labelled answers; 0.7 when left out. */
  readonly calibration?: number | undefined
}

/**
 * Attacks a grader, and gives what each check found: faults, right answers, one answer for all items, degenerate answers and trajectories, near misses,
 * the same grading twice, formats, labelled answers, speed. Never throws for what the grader does.
 */
export async function checkGrader(
  material: CheckMaterial,
  {
    threshold = 0.1,
    nearMisses: nearest = threshold,
    right = 0.9,
    calibration: correlation = 0.7,
  }: CheckThresholds = {},
): Promise<readonly Finding[]> {
  const rights = await tryAll(material, 'the right answer', (row, at) => {
    const right = rightAnswersOf(row, material.grader)
    if (right.length > 0) return right.map(answerOf)
    const reference = material.references[at]
    return reference === undefined ? [] : [{ output: reference }]
  })
  const labelled = await tryAll(material, 'a labelled answer', ({ answers }) => answers.map(answerOf))
  const answers = await tryEach(material, degenerateAnswers(material))
  const trajectories = await tryEach(material, degenerateTrajectories(material))
  const near = await tryEach(material, nearMisses(material))
  const all = [rights, labelled, ...answers, ...trajectories, ...near].flat()
  return [
    faults(all),
    rightness(rights, right),
    oneForAll(material.references),
    paid(
      'degenerate answers',
      answers,
      threshold,
      'A policy finds what pays without solving the task within a few dozen steps. Score what an answer says, not what it contains or asks for.',
    ),
    paid(
      'degenerate trajectories',
      trajectories,
      threshold,
      'Calls are no achievement: let what was done count only with a right answer, or for next to nothing.',
    ),
    paid(
      'near misses',
      near,
      nearest,
      'Compare numbers relatively, with their sign and scale: an absolute tolerance pays a zero for every small number.',
    ),
    await sameTwice(material, all),
    await formatting(material, rights),
    calibration(labelled, material, correlation),
    speed(all, material),
  ]
}

const answerOf = ({ output_text: output, trajectory: calls, state }: LabelledAnswer): TriedAnswer => ({
  output,
  calls,
  state,
})

/** Each attack on every item, one attack after the other. */
async function tryEach(material: CheckMaterial, attacks: readonly Attack[]): Promise<readonly (readonly Trial[])[]> {
  const tried: (readonly Trial[])[] = []
  for (const attack of attacks) tried.push(await tryAttack(material, attack))
  return tried
}
