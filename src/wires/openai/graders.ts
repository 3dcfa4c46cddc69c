import { z } from 'zod'
import { shorten } from '../../base/text.ts'
import type { GraderRuns } from '../../core/grading/grader-runs.ts'
import { RequestError } from '../../kit/errors.ts'
import { checkGrader, type OpenAiGrader } from '../../runtime/openai-graders/check-grader.ts'
import type { Graded } from '../../runtime/openai-graders/graded.ts'
import type { ModelUsage } from '../../runtime/openai-graders/runners.ts'
import { toolCallBody } from '../agent-rft.ts'
import { outputText } from '../sample.ts'

/** The body of `graders/run`; `model_sample` is optional if `sample` has an `output_text`. */
export const graderRunBody = z
  .object({
    grader: z.unknown().optional(),
    model_sample: z.string().nullish(),
    sample: z.record(z.string(), z.unknown()).nullish(),
    item: z.unknown().optional(),
    trace_id: toolCallBody.shape.trace_id,
  })
  .transform(({ model_sample, sample, ...rest }, context) => {
    const given = sample?.['output_text']
    const output_text = model_sample ?? outputText(sample ?? {}) ?? given
    if (typeof output_text === 'string') return { ...rest, sample: { ...sample, output_text } }
    context.addIssue({ code: 'custom', path: ['model_sample'], message: 'is missing, must be a string' })
    return z.NEVER
  })

/** The body of `graders/validate`. */
export const graderBody = z.object({ grader: z.unknown().optional() })

/** What {@link runPosted} needs. */
export interface GraderRunSettings {
  readonly runs: GraderRuns
  /** The run of the rollout that the body names. */
  readonly run: string
  /** The addresses at which this server is reachable. */
  readonly reachedAt: readonly string[]
}

type RunBody = z.infer<typeof graderRunBody>

/** Reads the grader of a body; throws a `RequestError`, 400, whose `param` names the part that is wrong. */
export function readGrader({ grader }: { readonly grader?: unknown }): OpenAiGrader {
  const checked = checkGrader(grader)
  if (checked.ok) return checked.grader
  throw new RequestError(400, 'invalid_grader', checked.message, { details: { param: shorten(checked.param, 200) } })
}

/**
 * Answers `graders/run`. `reward` is null, never 0, if there is no score for a reason that is not the model's fault: the
 * flags and the reason say which. `metadata.reason` is an extension of this server.
 *
 * @see https://platform.openai.com/docs/api-reference/graders/run
 */
export async function runPosted({ runs, run, reachedAt }: GraderRunSettings, body: RunBody) {
  const grader = readGrader(body)
  const { sample, item, trace_id } = body
  const request = { run, grader, sample, item: item ?? {}, rolloutId: trace_id, reachedAt }
  const { graded, seconds } = await runs.run(request)
  return answerOf(grader, graded, seconds)
}

function answerOf(grader: OpenAiGrader, graded: Graded, seconds: number) {
  const { score, errors, subScores, reason } = graded
  const models = [...new Set(graded.usage.map(({ model }) => model))]
  const usageOf = (of: string) => sumOf(graded.usage.filter(({ model }) => model === of))
  return {
    reward: score,
    metadata: {
      name: grader.name ?? '',
      type: grader.type,
      errors,
      execution_time: seconds,
      scores: subScores,
      token_usage: models.length === 0 ? null : sumOf(graded.usage),
      sampled_model_name: models.length === 1 ? models[0] : null,
      reason,
    },
    sub_rewards: subScores,
    model_grader_token_usage_per_model: Object.fromEntries(models.map((model) => [model, usageOf(model)])),
  }
}

function sumOf(usage: readonly ModelUsage[]) {
  const sum = (field: 'prompt_tokens' | 'completion_tokens' | 'total_tokens' | 'cached_tokens') =>
    usage.reduce((total, one) => total + one[field], 0)
  return {
    prompt_tokens: sum('prompt_tokens'),
    completion_tokens: sum('completion_tokens'),
    total_tokens: sum('total_tokens'),
    cached_tokens: sum('cached_tokens'),
  }
}
