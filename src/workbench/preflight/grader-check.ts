import { degenerateAnswers } from '../check-grader/answer-attacks.ts'
import { saysTheSame } from '../check-grader/references.ts'
import type { DatasetItem } from '../simulate/agent.ts'
import { type Check, type CheckContext, firstOf } from './check.ts'
import { fail, pass, skip, type Verdict, warn } from './verdict.ts'
import { scoreOf, type Wire } from './wire.ts'

/** Options of {@link graderCheck}. */
export interface GraderCheckOptions {
  /** The least and the greatest score. */
  readonly range: readonly [number, number]
  /** A right answer to each item, in the order of the items; undefined if none is known. */
  readonly references: readonly (string | undefined)[]
  /** The most that a degenerate answer may earn on average, as a share of the range. */
  readonly mostForNothing: number
}

/** How many items are graded for each check. */
const itemsGraded = 4

/** The grader returns a finite number in its range, the same each time, and little for degenerate answers. */
export function graderCheck(
  { wire, items }: CheckContext,
  { range, references, mostForNothing }: GraderCheckOptions,
): Check {
  const chosen = items.slice(0, itemsGraded)
  const attacks = degenerateAnswers({
    rows: items.map((item) => ({ item, answers: [] })),
    references,
    grader: { range },
  })
  const tried = attacks.map(({ name, answer }) => ({
    name,
    answers: chosen.flatMap((item, at) => {
      const output = answer({ item, answers: [] }, at)?.output
      const right = references[at]
      return output === undefined || (right !== undefined && saysTheSame(output, right)) ? [] : [{ item, output }]
    }),
  }))
  const right = chosen.flatMap((item, at) => {
    const output = references[at]
    return output === undefined ? [] : [{ item, output }]
  })
  const all = tried.flatMap(({ answers }) => answers)
  return {
    name: 'grader',
    requests: all.length + right.length * 3 + chosen.length * 2,
    async run() {
      const grading = gradings(wire, range)
      const twice: string[] = []
      for (const { item, output } of [...right, ...chosen.map((each) => ({ item: each, output: '' }))]) {
        const rollout = wire.newRollout()
        const [first, second] = [await grading.score(item, output, rollout), await grading.score(item, output, rollout)]
        if (first !== undefined && second !== undefined && first !== second) {
          twice.push(`the same rollout earns ${first} and, graded again, ${second}`)
        }
      }
      const fullMarks = await meanOf(right, grading.score)
      const earned: { name: string; mean: number | undefined }[] = []
      for (const { name, answers } of tried) earned.push({ name, mean: await meanOf(answers, grading.score) })
      twice.push(...grading.disagreements())
      return [
        gradingVerdict(grading.problems),
        sameTwice(grading.problems, firstOf(twice)),
        degenerate({ earned, fullMarks, range, mostForNothing }),
      ]
    },
  }
}

type Score = (item: DatasetItem, output: string, rollout?: string) => Promise<number | undefined>

/** Grades, and keeps the problems and the scores of equal answers. */
function gradings(wire: Wire, range: readonly [number, number]) {
  const problems: string[] = []
  const known = new Map<DatasetItem, Map<string, Set<number>>>()
  const score: Score = async (item, output, rollout) => {
    const graded = scoreOf(await wire.grade({ output, item, ...(rollout !== undefined && { rollout }) }), range)
    if ('problem' in graded)
      return void problems.push(`for ${output === '' ? 'an empty answer' : 'an answer'} it ${graded.problem}`)
    const scores = known.get(item) ?? new Map<string, Set<number>>()
    known.set(item, scores)
    scores.set(output, (scores.get(output) ?? new Set()).add(graded.score))
    return graded.score
  }
  const disagreements = () =>
    [...known.values()].flatMap((scores) =>
      [...scores.values()]
        .filter(({ size }) => size > 1)
        .map((each) => `the same answer earns ${[...each].slice(0, 3).join(' and ')}`),
    )
  return { problems, score, disagreements }
}

async function meanOf(answers: readonly { item: DatasetItem; output: string }[], score: Score) {
  const scores: number[] = []
  for (const { item, output } of answers) {
    const one = await score(item, output)
    if (one !== undefined) scores.push(one)
  }
  return scores.length === 0 ? undefined : scores.reduce((sum, one) => sum + one, 0) / scores.length
}

function gradingVerdict(problems: readonly string[]): Verdict {
  const problem = firstOf(problems)
  if (problem === undefined)
    return pass('score', 'every grading is answered with a finite number in the range, also for an empty answer')
  return fail(
    'score',
    problem,
    'answer 200 with { "score": 0.5 }; answer 5xx if there is no score, so that it does not become a zero',
  )
}

function sameTwice(problems: readonly string[], differing: string | undefined): Verdict {
  if (differing !== undefined) {
    return fail(
      'same score',
      differing,
      'remove randomness from the grader, or call its judge at temperature 0 and store its answers',
    )
  }
  if (problems.length > 0) return skip('same score', 'gradings were not answered with a score')
  return pass('same score', 'the same answer earns the same, in the same rollout and in another')
}

interface Earned {
  readonly earned: readonly { readonly name: string; readonly mean: number | undefined }[]
  readonly fullMarks: number | undefined
  readonly range: readonly [number, number]
  readonly mostForNothing: number
}

/** The least that a right answer should earn, as a share of the range. */
const leastForRight = 0.5

function degenerate({ earned, fullMarks, range: [least, most], mostForNothing }: Earned): Verdict {
  const share = (score: number) => (score - least) / (most - least)
  const shares = earned.flatMap(({ name, mean }) => (mean === undefined ? [] : [{ name, share: share(mean) }]))
  const best = shares.toSorted((a, b) => b.share - a.share)[0]
  if (best === undefined) return skip('empty answers', 'gradings were not answered with a score')
  const right = fullMarks === undefined ? '' : `; the reference itself earns ${share(fullMarks).toFixed(2)}`
  const why = `of ${shares.length} degenerate answers, ${best.name} earns most: ${best.share.toFixed(2)} of the range${right}`
  if (best.share > mostForNothing) {
    return fail('empty answers', why, 'run `scorekeeper grader check`: a policy finds what pays without the work')
  }
  if (fullMarks !== undefined && share(fullMarks) < leastForRight) {
    return warn(
      'empty answers',
      why,
      'find out why a right answer earns so little; the missing calls may be the reason',
    )
  }
  return pass('empty answers', why)
}
