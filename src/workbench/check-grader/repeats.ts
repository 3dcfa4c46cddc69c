import { type Finding, percent } from './finding.ts'
import { worst } from './findings.ts'
import { numberIn } from './near-misses.ts'
import { type CheckMaterial, exampleOf, meanShare, type Trial, tryAll } from './try-all.ts'
import { tryAnswer } from './try-answer.ts'

/** How many gradings are repeated at most. */
const maxRepeated = 200

/** Checks whether a repeated grading gives the same score. */
export async function sameTwice({ grader, rows, services }: CheckMaterial, all: readonly Trial[]): Promise<Finding> {
  const check = 'the same twice'
  const scored = all.filter(({ tried }) => tried.kind === 'scored')
  if (scored.length === 0) return { check, verdict: 'warn', found: 'no answer got a score', advice: '', examples: [] }
  const step = Math.max(1, Math.ceil(scored.length / maxRepeated))
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
  const found = `${differing.length} of ${repeated.length} repeated gradings gave another score, by up to ${percent(most)}`
  const advice =
    'The trainer learns from noise as from signal. Remove randomness and the time of day; call a judge with temperature 0 or a fixed seed.'
  return { check, verdict: 'fail', found, advice, examples: differing.slice(0, 3).map(exampleOf) }
}

/** Checks whether a right answer keeps its reward in other formats. */
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
    return {
      check,
      verdict: 'warn',
      found: 'there is no right answer to write in other formats',
      advice: '',
      examples: [],
    }
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
    'Unless the task asks for a format, this teaches the model that the right answer was wrong. If it does, the warning can be ignored.'
  return { check, verdict: 'warn', found, advice, examples: worst(losing[0]?.trials ?? [], (share) => share) }
}

/** Ways to write an answer that do not change its meaning; undefined where a way does not apply. */
export const formats: readonly (readonly [name: string, write: (answer: string) => string | undefined])[] = [
  ['as it is', (answer) => answer],
  ['with white space around it', (answer) => `\n  ${answer} \n`],
  ['in bold', (answer) => `**${answer}**`],
  ['in a code fence', (answer) => `\`\`\`\n${answer}\n\`\`\``],
  [
    'in \\boxed{}',
    (answer) => (numberIn(answer) === undefined ? undefined : `$\\boxed{${answer.replace('%', '\\%')}}$`),
  ],
  ['with a full stop', (answer) => (/[\p{L}\d%)]$/u.test(answer) ? `${answer}.` : undefined)],
  ['in upper case', (answer) => changedOr(answer, answer.toUpperCase())],
  ['in lower case', (answer) => changedOr(answer, answer.toLowerCase())],
  [
    'with thousands separators',
    (answer) =>
      numberIn(answer) === undefined
        ? undefined
        : changedOr(answer, answer.replace(/(?<![\d.])\d{5,}(?!\d)/, separated)),
  ],
  ['with a plus sign', (answer) => (/^\d/.test(answer) && numberIn(answer) !== undefined ? `+${answer}` : undefined)],
  ['after "Answer:"', (answer) => `Answer: ${answer}`],
]

const changedOr = (answer: string, changed: string) =>
  changed === answer || looksLikeCode(answer) ? undefined : changed

/** Case and separators matter in code. */
const looksLikeCode = (answer: string) => /[{}[\]/\\_=]/.test(answer)

const separated = (digits: string) => digits.replace(/\B(?=(?:\d{3})+$)/g, ',')
