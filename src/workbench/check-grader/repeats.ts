import type { Finding } from './finding.ts'
import { percent, worst } from './findings.ts'
import { formats } from './formats.ts'
import { type CheckMaterial, exampleOf, meanShare, type Trial, tryAll } from './try-all.ts'
import { tryAnswer } from './try-answer.ts'

/** So many gradings are made a second time. */
const mostRepeated = 200

/** Whether the same grading gives the same score a second time. */
export async function sameTwice({ grader, rows, services }: CheckMaterial, all: readonly Trial[]): Promise<Finding> {
  const check = 'the same twice'
  const scored = all.filter(({ tried }) => tried.kind === 'scored')
  if (scored.length === 0)
    return { check, verdict: 'warn', found: 'no answer came to a score', advice: '', examples: [] }
  const step = Math.max(1, Math.ceil(scored.length / mostRepeated))
  const repeated = scored.filter((_, at) => at % step === 0)
  const differing: Trial[] = []
  let most = 0
  for (const trial of repeated) {
    const again = await tryAnswer(grader, rows[trial.at]?.item, trial.answer, services)
    const difference =
      again.kind === 'scored' && trial.tried.kind === 'scored' ? Math.abs(again.share - trial.tried.share) : 1
    if (difference <= 1e-9) continue
    differing.push(trial)
    most = Math.max(most, difference)
  }
  if (differing.length === 0) {
    return {
      check,
      verdict: 'pass',
      found: `${repeated.length} gradings gave the same score again`,
      advice: '',
      examples: [],
    }
  }
  const found = `${differing.length} of ${repeated.length} gradings gave another score the second time, by up to ${percent(most)}`
  const advice =
    'The trainer takes noise for signal. Leave out chance and the time of day; ask a judge with temperature 0 or a fixed seed.'
  return { check, verdict: 'fail', found, advice, examples: differing.slice(0, 3).map(exampleOf) }
}

/** Whether a right answer keeps its reward when it is written in another way. */
export async function formatting(material: CheckMaterial, rights: readonly Trial[]): Promise<Finding> {
  const check = 'formats'
  const right = rights.filter(({ tried }) => tried.kind === 'scored' && tried.share >= 0.9)
  const tried: { readonly name: string; readonly trials: readonly Trial[]; readonly mean: number }[] = []
  for (const [name, write] of formats) {
    const trials = await tryAll(material, name, (_, at) => {
      const answer = right.find((trial) => trial.at === at)?.answer
      const output = answer && write(answer.output)
      return answer === undefined || output === undefined ? [] : [{ ...answer, output }]
    })
    const mean = meanShare(trials)
    if (mean !== undefined) tried.push({ name, trials, mean })
  }
  const losing = tried.filter(({ mean }) => mean < 0.9).sort((a, b) => a.mean - b.mean)
  if (tried.length === 0)
    return { check, verdict: 'warn', found: 'no right answer to write in other ways', advice: '', examples: [] }
  if (losing.length === 0) {
    return {
      check,
      verdict: 'pass',
      found: `right answers keep their reward in ${tried.length} formats`,
      advice: '',
      examples: [],
    }
  }
  const found = `right answers lose reward in ${losing.length} of ${tried.length} formats: ${losing.map(({ name, mean }) => `${name}, ${percent(mean)}`).join('; ')}`
  const advice =
    'Where the task does not ask for a format, a slip teaches the model that the right answer was wrong. Where it does, this is meant so.'
  return { check, verdict: 'warn', found, advice, examples: worst(losing[0]?.trials ?? [], (share) => share) }
}
