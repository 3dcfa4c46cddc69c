import { evaluateFormula, parseFormula } from '../../kit/scoring/formula/formula.ts'
import type { MultiGrader, OpenAiGrader } from './check-grader.ts'
import { type Graded, scored, unscored } from './graded.ts'
import { graderErrors, joinErrors } from './grader-errors.ts'
import { runSingle } from './run-single.ts'
import type { Runners } from './runners.ts'
import { withOutputJson } from './sample.ts'
import type { Subject } from './template-path.ts'

/**
 * Runs a checked grader over one sample and its item.
 *
 * If the sample has no `output_json` and its text is JSON, the text is parsed. The graders of a multi grader run at the same
 * time. The score is null, never 0, if the grader, the item, a judge or a server is at fault. It is 0, with the flag
 * `sample_parse_error`, if the model's output lacks what a template reads. A multi grader has a score if every grader that its
 * formula uses has one. Rejects only with the error of a runner, and then aborts the other runners.
 *
 * @example
 * const graded = await runGrader(grader, { item: { a: '42' }, sample: { output_text: '42' } }, runners, signal)
 * graded.score // 1
 */
export async function runGrader(
  grader: OpenAiGrader,
  subject: Subject,
  runners: Runners,
  signal: AbortSignal,
): Promise<Graded> {
  const complete = { ...subject, sample: withOutputJson(subject.sample) }
  return grader.type === 'multi'
    ? runMulti(grader, complete, runners, signal)
    : runSingle(grader, complete, runners, signal)
}

async function runMulti(grader: MultiGrader, subject: Subject, runners: Runners, signal: AbortSignal): Promise<Graded> {
  const read = parseFormula(grader.calculate_output, Object.keys(grader.graders))
  if (!read.ok) return unscored({ formula_parse_error: true }, read.problem.message)
  const graded = await runTogether(grader, subject, runners, signal)
  const all = graded.map(([, one]) => one)
  const rest = {
    errors: joinErrors(all.map(({ errors }) => errors)),
    subScores: Object.fromEntries(graded.map(([key, { score }]) => [key, score])),
    usage: all.flatMap(({ usage }) => usage),
  }
  const unknown = graded.filter(([key, { score }]) => score === null && read.formula.variables.includes(key))
  if (unknown.length > 0) {
    return unscored({}, unknown.map(([key, { reason }]) => `${key}: ${reason}`).join('; '), rest)
  }
  const scores = new Map(graded.flatMap(([key, { score }]) => (score === null ? [] : [[key, score]])))
  const evaluated = evaluateFormula(read.formula, scores)
  if (!evaluated.ok) {
    const errors = joinErrors([rest.errors, graderErrors({ formula_parse_error: true })])
    return unscored({}, evaluated.problem.message, { ...rest, errors })
  }
  return scored(evaluated.value, graded.map(([key, { reason }]) => `${key}: ${reason}`).join('; '), rest)
}

async function runTogether(
  { graders }: MultiGrader,
  subject: Subject,
  runners: Runners,
  signal: AbortSignal,
): Promise<[string, Graded][]> {
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  try {
    return await Promise.all(
      Object.entries(graders).map(
        async ([key, one]): Promise<[string, Graded]> => [key, await runSingle(one, subject, runners, either)],
      ),
    )
  } catch (error) {
    stop.abort(error)
    throw error
  }
}
