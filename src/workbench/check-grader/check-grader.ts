import { alteredCalls, rowsWithCalls } from './altered-calls.ts'
import { degenerateAnswers } from './answer-attacks.ts'
import { type Attack, bestAnswerOf } from './attack.ts'
import { calibration } from './calibration.ts'
import { degenerateTrajectories } from './call-attacks.ts'
import type { Finding } from './finding.ts'
import { faults, oneForAll, paid, rightness, speed } from './findings.ts'
import { guesses } from './guesses.ts'
import { nearMisses } from './near-misses.ts'
import { rightAnswersOf } from './references.ts'
import { formatting, sameTwice } from './repeats.ts'
import type { LabelledAnswer } from './rows.ts'
import { tamperedCode } from './tampered-code.ts'
import { type CheckMaterial, type Trial, tryAll, tryAttack } from './try-all.ts'
import type { TriedAnswer } from './try-answer.ts'

/** Limits on what answers earn, as shares of the grader's range from 0 to 1. */
export interface CheckThresholds {
  /** The most that any attack may earn, on average over the items; 0.1 by default. */
  readonly threshold?: number | undefined
  /** The most that any near miss may earn, on average; `threshold` by default. */
  readonly nearMisses?: number | undefined
  /** The least that right answers must earn, on average: references, or answers labelled 0.9 and more; 0.9 by default. */
  readonly right?: number | undefined
  /** The least rank correlation with labelled answers; 0.7 by default. */
  readonly calibration?: number | undefined
}

/**
 * Attacks a grader, and returns what each check found: faults, right answers, one answer for all items, degenerate answers
 * and trajectories, guesses, altered calls, tampered code, near misses, the same grading twice, formats, labelled answers,
 * speed. Never throws for what the grader does.
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
  const guessed = await tryEach(material, guesses(material))
  const matters = await callsThatMatter(material)
  const altered = await tryEach(material, alteredCalls(material, matters))
  const tampered = await tryEach(material, tamperedCode(material, matters))
  const all = [rights, labelled, ...answers, ...trajectories, ...near, ...guessed, ...altered, ...tampered].flat()
  return [
    faults(all),
    rightness(rights, right),
    oneForAll(material.references),
    paid(
      'degenerate answers',
      answers,
      threshold,
      'A policy finds what pays without solving the task within a few dozen steps. Score what an answer says, not which words it contains or what it asks for.',
    ),
    paid(
      'degenerate trajectories',
      trajectories,
      threshold,
      'Calls are not an achievement: let them count only together with a right answer, or for next to nothing.',
    ),
    ...ifTried(guessed, () =>
      paid(
        'guesses',
        guessed,
        threshold,
        'F1 pays up to half for a list that is three times too long. Weigh precision more (beta below 1), and give nothing above a length.',
      ),
    ),
    ...ifTried(altered, () =>
      paid(
        'altered calls',
        altered,
        threshold,
        'Compare all arguments of an expected call, and count every other call that changes something against the rollout.',
      ),
    ),
    ...ifTried(tampered, () =>
      paid(
        'tampered code',
        tampered,
        threshold,
        'List what the code may use, read it with Python’s own parser, and run it in a sandbox on fresh inputs: a list of forbidden names is never complete.',
      ),
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

/** Checks that apply to few graders are left out if none of their attacks applies. */
const ifTried = (attacks: readonly (readonly Trial[])[], check: () => Finding): readonly Finding[] =>
  attacks.flat().length === 0 ? [] : [check()]

/** An answer whose calls are worth no more than this is right without them. */
const minWorth = 0.1

/** The rows whose right answer earns less when its calls are left out. */
async function callsThatMatter(material: CheckMaterial): Promise<ReadonlySet<number>> {
  const { rows } = material
  const places = new Set(rowsWithCalls(rows, material))
  const tryBest = (attempt: string, change: (answer: TriedAnswer) => TriedAnswer) =>
    tryAll(material, attempt, (row, at) => {
      const best = places.has(at) ? bestAnswerOf(row, material) : undefined
      return best === undefined ? [] : [change(answerOf(best))]
    })
  const withCalls = await tryBest('the right answer', (answer) => answer)
  const without = await tryBest('the right answer without its calls', ({ output }) => ({ output }))
  const share = (trial: Trial | undefined) => (trial?.tried.kind === 'scored' ? trial.tried.share : undefined)
  return new Set(
    withCalls.flatMap((trial, n) => {
      const [full, bare] = [share(trial), share(without[n])]
      return full !== undefined && (bare === undefined || full - bare > minWorth) ? [trial.at] : []
    }),
  )
}

/** Tries each attack on every item, one attack at a time. */
async function tryEach(material: CheckMaterial, attacks: readonly Attack[]): Promise<readonly (readonly Trial[])[]> {
  const tried: (readonly Trial[])[] = []
  for (const attack of attacks) tried.push(await tryAttack(material, attack))
  return tried
}
