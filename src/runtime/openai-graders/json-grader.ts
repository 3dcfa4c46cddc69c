import type { Grader } from '../../kit/define-grader.ts'
import { RequestError, UngradableError } from '../../kit/errors.ts'
import type { OpenAiGrader } from './check-grader.ts'
import type { Graded } from './graded.ts'
import type { GraderErrors } from './grader-errors.ts'
import { runGrader } from './run-grader.ts'
import type { Runners } from './runners.ts'
import { completeSample } from './sample.ts'
import type { SingleGrader } from './single-graders.ts'

/** A grader that is a file of OpenAI's grader JSON. */
export interface JsonGrader {
  /** The file's name without its ending; its address is `/graders/{name}`. */
  readonly name: string
  /** The first 12 digits of {@link codeHash}: it changes whenever the JSON does. */
  readonly version: string
  /** SHA-256 of the canonical JSON, in hex. */
  readonly codeHash: string
  readonly grader: OpenAiGrader
}

/**
 * Makes the server's grader of one in OpenAI's format: it sees the item as it is, the sample as {@link completeSample} has
 * it, and the rollout's trajectory. The scores of a multi grader's graders are its parts.
 *
 * A grading without a score rejects as `withoutScore` says.
 */
export function serveJsonGrader({ name, version, codeHash, grader }: JsonGrader, runners: Runners): Grader {
  return {
    name,
    version,
    codeHash,
    range: rangeOf(grader),
    timeoutSeconds: undefined,
    open: (item) => ({
      fits: true,
      run: async ({ sample, trajectory, rolloutId, signal }) => {
        const subject = { item, sample: completeSample(sample, trajectory), rolloutId }
        const graded = await runGrader(grader, subject, runners, signal)
        if (graded.score === null) throw withoutScore(name, graded)
        const parts = Object.entries(graded.subScores).flatMap(([key, part]) => (part === null ? [] : [[key, part]]))
        return { score: graded.score, parts: Object.fromEntries(parts), reason: graded.reason }
      },
    }),
  }
}

/** Whether a grader asks a server, itself or one of its own. */
export function asksEndpoint({ grader }: JsonGrader): boolean {
  const all = grader.type === 'multi' ? Object.values(grader.graders) : [grader]
  return all.some(({ type }) => type === 'endpoint')
}

/** Least and greatest score: whatever is finite where a formula, a server or Python makes it. */
function rangeOf(grader: OpenAiGrader): readonly [number, number] {
  if (grader.type === 'score_model') return grader.range ?? [0, 1]
  if (grader.type === 'text_similarity' && grader.evaluation_metric === 'cosine') return [-1, 1]
  if (grader.type === 'multi' || grader.type === 'endpoint' || grader.type === 'python') {
    return [-Number.MAX_VALUE, Number.MAX_VALUE]
  }
  return [0, 1]
}

/** Somebody who was asked did not tell: another time the same rollout might be graded. */
const unanswered = [
  'unresponsive_reward_error',
  'model_grader_server_error',
  'model_grader_refusal_error',
  'model_grader_parse_error',
  'python_grader_server_error',
] as const satisfies readonly (keyof GraderErrors)[]

/** What Python raised and what a judge wrote may repeat the item or the sample: not for a message. */
const talkative = [
  'python_grader_runtime_error',
  'model_grader_refusal_error',
  'model_grader_parse_error',
] as const satisfies readonly (keyof GraderErrors)[]

/**
 * The error that a grading without a score comes to, never a number: an `UngradableError`, 503, where a judge, an endpoint
 * or Python did not answer; a `RequestError`, 500, where the grader or the item is at fault. The flags that were raised are
 * in its details.
 */
export function withoutScore(name: string, { errors, reason }: Graded): RequestError {
  const flags = Object.entries(errors).flatMap(([flag, raised]) => (raised === true ? [flag] : []))
  const why = talkative.some((flag) => errors[flag]) ? flags.join(', ') : reason
  const message = `the grader "${name}" gave no score: ${why}`
  const options = { details: { flags }, cause: new Error(reason) }
  return unanswered.some((flag) => errors[flag])
    ? new UngradableError(503, 'grader_unanswered', message, options)
    : new RequestError(500, 'grader_gave_no_score', message, options)
}

/**
 * What graders need and this server has not, one sentence for each, so that whoever starts it hears of it before a rollout
 * is lost.
 *
 * @param mayAsk whether an endpoint's address is one that is asked
 */
export function lacking(
  graders: readonly JsonGrader[],
  runners: Runners,
  mayAsk: (address: string) => boolean,
): { readonly grader: string; readonly message: string }[] {
  return graders.flatMap(({ name, grader }) => {
    const all = grader.type === 'multi' ? Object.values(grader.graders) : [grader]
    const needs = new Set(all.flatMap((one) => needOf(one, runners, mayAsk) ?? []))
    return [...needs].map((need) => ({ grader: name, message: `the grader "${name}" gives no score: ${need}` }))
  })
}

function needOf(grader: SingleGrader, runners: Runners, mayAsk: (address: string) => boolean): string | undefined {
  switch (grader.type) {
    case 'score_model':
    case 'label_model':
      return runners.scoreModel === undefined ? 'it asks a judging model, and JUDGE_URL is not set' : undefined
    case 'python':
      return runners.python === undefined ? 'it is Python, and PYTHON_GRADERS is not true' : undefined
    case 'text_similarity':
      return runners.similarity(grader.evaluation_metric) === undefined
        ? `its metric ${grader.evaluation_metric} asks for vectors, and EMBEDDINGS_URL is not set`
        : undefined
    case 'endpoint':
      return mayAsk(grader.url) ? undefined : 'it asks an address that ALLOWED_ADDRESSES does not have'
    case 'string_check':
      return undefined
  }
}
