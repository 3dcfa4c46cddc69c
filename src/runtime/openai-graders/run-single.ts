import { findText } from '../../kit/scoring/string-match.ts'
import { type Graded, scored, unfilled, unscored } from './graded.ts'
import { renderMessages } from './messages.ts'
import type { LabelAnswer, NoAnswer, Runners, ScoreAnswer } from './runners.ts'
import type {
  LabelModelGrader,
  ScoreModelGrader,
  SingleGrader,
  StringCheckGrader,
  TextSimilarityGrader,
} from './single-graders.ts'
import { renderTemplate } from './template.ts'
import type { Subject } from './template-path.ts'

/** Runs a grader other than multi; see `runGrader`. */
export async function runSingle(
  grader: SingleGrader,
  subject: Subject,
  runners: Runners,
  signal: AbortSignal,
): Promise<Graded> {
  switch (grader.type) {
    case 'string_check':
      return compare(grader, subject, (input, reference) => checkStrings(grader.operation, input, reference))
    case 'text_similarity':
      return compare(grader, subject, (input, reference) => measure(grader, input, reference, runners, signal))
    case 'score_model':
      return askForScore(grader, subject, runners, signal)
    case 'label_model':
      return askForLabel(grader, subject, runners, signal)
    case 'endpoint': {
      if (runners.endpoint === undefined) return unscored({ other_error: true }, 'endpoint graders are off')
      return gradedBy(await runners.endpoint(grader, subject, signal), 'the endpoint')
    }
    case 'python': {
      const off = 'Python graders are off'
      const errors = { python_grader_server_error: true, python_grader_server_error_type: off }
      if (runners.python === undefined) return unscored(errors, off)
      return gradedBy(await runners.python(grader, subject, signal), 'the Python code')
    }
  }
}

async function compare(
  grader: StringCheckGrader | TextSimilarityGrader,
  subject: Subject,
  compared: (input: string, reference: string) => Graded | Promise<Graded>,
): Promise<Graded> {
  const input = renderTemplate(grader.input, subject)
  const reference = renderTemplate(grader.reference, subject)
  if (!reference.ok) {
    const graded = unfilled(reference, subject)
    // A fault of the grader or the item outweighs one of the output.
    return input.ok || graded.score === null ? graded : unfilled(input, subject)
  }
  return input.ok ? compared(input.text, reference.text) : unfilled(input, subject)
}

async function measure(
  { evaluation_metric: metric }: TextSimilarityGrader,
  input: string,
  reference: string,
  runners: Runners,
  signal: AbortSignal,
): Promise<Graded> {
  const similarity = runners.similarity(metric)
  if (similarity === undefined) return unscored({ other_error: true }, `the metric ${metric} is not available`)
  let answer: number | NoAnswer
  try {
    answer = await similarity(input, reference, signal)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return unscored({ truncated_observation_error: true }, error.message)
  }
  if (typeof answer !== 'number') return unanswered(answer)
  if (!Number.isFinite(answer)) return unscored({ other_error: true }, `the metric ${metric} gave no finite number`)
  return scored(answer, `${metric} of the input and the reference`)
}

async function askForScore(
  grader: ScoreModelGrader,
  subject: Subject,
  { scoreModel }: Runners,
  signal: AbortSignal,
): Promise<Graded> {
  if (scoreModel === undefined) return noModel
  const filled = renderMessages(grader.input, subject)
  if (!filled.ok) return unfilled(filled, subject)
  const answer = await scoreModel(grader, filled.messages, signal)
  if (!answer.ok) return unanswered(answer)
  const { score, reason = `the model ${grader.model} scored it`, usage = [] } = answer
  if (!Number.isFinite(score))
    return unscored({ model_grader_parse_error: true }, 'the model gave no number', { usage })
  const [least, most] = grader.range ?? [0, 1]
  return scored(Math.min(most, Math.max(least, score)), reason, { usage })
}

async function askForLabel(
  grader: LabelModelGrader,
  subject: Subject,
  { labelModel }: Runners,
  signal: AbortSignal,
): Promise<Graded> {
  if (labelModel === undefined) return noModel
  const filled = renderMessages(grader.input, subject)
  if (!filled.ok) return unfilled(filled, subject)
  const answer: LabelAnswer = await labelModel(grader, filled.messages, signal)
  if (!answer.ok) return unanswered(answer)
  const { label, usage = [] } = answer
  if (!grader.labels.includes(label)) {
    return unscored({ model_grader_parse_error: true }, 'the model gave a label that the grader does not have', {
      usage,
    })
  }
  const reason = answer.reason ?? `the model ${grader.model} gave the label "${label}"`
  return scored(Number(grader.passing_labels.includes(label)), reason, { usage })
}

const noModel = unscored(
  { model_grader_server_error: true, model_grader_server_error_details: 'no judging model is configured' },
  'no judging model is configured',
)

function unanswered({ errors, reason, usage = [] }: NoAnswer): Graded {
  return unscored(errors, reason, { usage })
}

function gradedBy(answer: ScoreAnswer, who: string): Graded {
  if (!answer.ok) return unanswered(answer)
  const { score, reason = `${who} scored it`, usage = [] } = answer
  return Number.isFinite(score)
    ? scored(score, reason, { usage })
    : unscored({ other_error: true }, `${who} gave no finite number`, { usage })
}

/**
 * Compares two texts, white space included: 1 or 0.
 *
 * `eq`: equal; `ne`: not equal; `like`: the input contains the reference; `ilike`: the same, ignoring case. Every text contains
 * an empty reference, which the reason says. Linear in both lengths.
 *
 * @see https://platform.openai.com/docs/guides/graders (String check graders)
 */
function checkStrings(operation: StringCheckGrader['operation'], input: string, reference: string): Graded {
  if (operation === 'eq' || operation === 'ne') {
    const equal = input === reference
    return scored(
      Number(equal === (operation === 'eq')),
      `the input ${equal ? 'equals' : 'does not equal'} the reference`,
    )
  }
  const plain = (text: string) => (operation === 'like' ? text : text.toLowerCase())
  const contains = findText(plain(input), plain(reference)) >= 0
  if (reference === '') return scored(1, 'the reference is empty, and every input contains an empty text')
  const how = operation === 'like' ? '' : ', ignoring case'
  return scored(Number(contains), `the input ${contains ? 'contains' : 'does not contain'} the reference${how}`)
}
