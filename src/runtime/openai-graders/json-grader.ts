import type { Grader } from '../../kit/define-grader.ts'
import { RequestError, UngradableError } from '../../kit/errors.ts'
import type { OpenAiGrader } from './check-grader.ts'
import type { Graded } from './graded.ts'
import type { GraderErrors } from './grader-errors.ts'
import { runGrader } from './run-grader.ts'
import type { Runners } from './runners.ts'
import { completeSample } from './sample.ts'
import type { SingleGrader } from './single-graders.ts'

/** A grader that is a JSON file in OpenAI's format. */
export interface JsonGrader {
  /** The file's name without its extension; its address is `/graders/{name}`. */
  readonly name: string
  /** The first 12 digits of the code hash; it changes whenever the JSON does. */
  readonly version: string
  /** SHA-256 of the canonical JSON, in hex. */
  readonly codeHash: string
  readonly grader: OpenAiGrader
}

/**
 * Makes a grader of the server from one in OpenAI's format. It sees the whole item, the sample as completed by
 * {@link completeSample}, and the rollout's trajectory. The scores of a multi grader's graders become parts.
 *
 * A grading without a score throws an `UngradableError`, 503, if a judge, an endpoint or Python did not answer, and a
 * `RequestError`, 500, if the grader or the item is at fault.
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
      run: async ({ sample, trajectory, run, rolloutId, signal }) => {
        const subject = { item, sample: completeSample(sample, trajectory), run, rolloutId }
        const graded = await runGrader(grader, subject, runners, signal)
        if (graded.score === null) throw noScoreError(name, graded)
        const parts = Object.entries(graded.subScores).flatMap(([key, part]) => (part === null ? [] : [[key, part]]))
        return { score: graded.score, parts: Object.fromEntries(parts), reason: graded.reason }
      },
    }),
  }
}

/** Whether a grader, or one inside it, calls an endpoint. */
export function asksEndpoint({ grader }: JsonGrader): boolean {
  const all = grader.type === 'multi' ? Object.values(grader.graders) : [grader]
  return all.some(({ type }) => type === 'endpoint')
}

/** Least and greatest score: any finite number if a formula, an endpoint or Python makes it. */
function rangeOf(grader: OpenAiGrader): readonly [number, number] {
  if (grader.type === 'score_model') return grader.range ?? [0, 1]
  if (grader.type === 'text_similarity' && grader.evaluation_metric === 'cosine') return [-1, 1]
  if (grader.type === 'multi' || grader.type === 'endpoint' || grader.type === 'python') {
    return [-Number.MAX_VALUE, Number.MAX_VALUE]
  }
  return [0, 1]
}

/** A service did not answer: the same rollout may be graded later. */
const unanswered = [
  'unresponsive_reward_error',
  'model_grader_server_error',
  'model_grader_refusal_error',
  'model_grader_parse_error',
  'python_grader_server_error',
] as const satisfies readonly (keyof GraderErrors)[]

/** Exceptions of Python and texts of a judge may repeat the item or the sample, so they are kept out of messages. */
const confidential = [
  'python_grader_runtime_error',
  'model_grader_refusal_error',
  'model_grader_parse_error',
] as const satisfies readonly (keyof GraderErrors)[]

/**
 * The error for a grading without a score: an `UngradableError`, 503, if a judge, an endpoint or Python did not answer; a
 * `RequestError`, 500, if the grader or the item is at fault. The raised flags are in its details.
 */
function noScoreError(name: string, { errors, reason }: Graded): RequestError {
  const flags = Object.entries(errors).flatMap(([flag, raised]) => (raised === true ? [flag] : []))
  const why = confidential.some((flag) => errors[flag]) ? flags.join(', ') : reason
  const message = `the grader "${name}" gave no score: ${why}`
  const options = { details: { flags }, cause: new Error(reason) }
  return unanswered.some((flag) => errors[flag])
    ? new UngradableError(503, 'grader_unanswered', message, options)
    : new RequestError(500, 'grader_gave_no_score', message, options)
}

/**
 * What graders need and this server does not have, one sentence each, so that the operator reads it before a rollout is lost.
 *
 * @param mayAsk whether an endpoint's address is allowed
 */
export function missingServices(
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
