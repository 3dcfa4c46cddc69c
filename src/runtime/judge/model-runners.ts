import { z } from 'zod'
import type { Sampling } from '../../kit/judge.ts'
import type { GraderErrors } from '../openai-graders/grader-errors.ts'
import type { Message } from '../openai-graders/messages.ts'
import type { NoAnswer, Runners } from '../openai-graders/runners.ts'
import type { LabelModelGrader, ScoreModelGrader } from '../openai-graders/single-graders.ts'
import type { Asked, Asking } from './asking.ts'
import { chatMessages } from './messages.ts'
import { readJsonReply } from './reply.ts'

/**
 * Makes the runners of OpenAI's graders `score_model` and `label_model`, which ask what the judge asks: one cap on requests,
 * one memory, one count of tokens.
 *
 * The messages go as the grader has them, the sample's text among them: it is the grader's author who fences it, or not.
 * The reply is `{ steps: [{ description, conclusion }], result }`, as OpenAI's own graders have it: the reasoning first,
 * then a number, or one of the labels.
 *
 * @example runGrader(grader, subject, { similarity: textMetric, ...createModelRunners(asking) }, signal)
 */
export function createModelRunners(asking: Asking): Required<Pick<Runners, 'scoreModel' | 'labelModel'>> {
  return {
    async scoreModel(grader, messages, signal) {
      const [least, most] = grader.range ?? [0, 1]
      const result = { type: 'number', description: `The score, from ${least} to ${most}.` }
      const asked = await ask(asking, { grader, messages, result, read: z.number() }, signal)
      return asked.ok ? { ok: true, score: asked.value.result, ...told(asked) } : unanswered(asked, asking)
    },
    async labelModel(grader, messages, signal) {
      const result = { type: 'string', enum: [...new Set(grader.labels)], description: 'The label.' }
      const asked = await ask(asking, { grader, messages, result, read: z.enum(grader.labels) }, signal)
      return asked.ok ? { ok: true, label: asked.value.result, ...told(asked) } : unanswered(asked, asking)
    },
  }
}

interface Question<Result> {
  readonly grader: ScoreModelGrader | LabelModelGrader
  readonly messages: readonly Message[]
  /** The JSON Schema of the result. */
  readonly result: Readonly<Record<string, unknown>>
  readonly read: z.ZodType<Result>
}

interface Verdict<Result> {
  readonly steps: readonly Step[]
  readonly result: Result
}

const step = z.object({ description: z.string().catch(''), conclusion: z.string().catch('') })
type Step = z.infer<typeof step>

async function ask<Result>(
  asking: Asking,
  { grader, messages, result, read }: Question<Result>,
  signal: AbortSignal,
): Promise<Asked<Verdict<Result>>> {
  const verdict = z.object({ steps: z.array(step).catch([]), result: read })
  return asking.ask(
    {
      model: grader.model,
      messages: chatMessages(messages),
      sampling: samplingOf(grader),
      schema: schemaOf(result),
      read: (text) => verdict.safeParse(readJsonReply(text)).data,
    },
    signal,
  )
}

const text = { type: 'string' }

const schemaOf = (result: Question<unknown>['result']) => ({
  type: 'object',
  properties: {
    steps: {
      type: 'array',
      description: 'The reasoning, step by step.',
      items: {
        type: 'object',
        properties: { description: text, conclusion: text },
        required: ['description', 'conclusion'],
        additionalProperties: false,
      },
    },
    result,
  },
  required: ['steps', 'result'],
  additionalProperties: false,
})

function samplingOf({ sampling_params: given }: ScoreModelGrader | LabelModelGrader): Sampling {
  const {
    temperature,
    top_p: topP,
    seed,
    reasoning_effort: reasoningEffort,
    max_completions_tokens: maxTokens,
  } = given ?? {}
  return {
    ...(typeof temperature === 'number' && { temperature }),
    ...(typeof topP === 'number' && { topP }),
    ...(typeof seed === 'number' && { seed }),
    ...(typeof reasoningEffort === 'string' && { reasoningEffort }),
    ...(typeof maxTokens === 'number' && { maxTokens }),
  }
}

function told({ value, model, usage }: Asked<Verdict<unknown>> & { readonly ok: true }) {
  const reason = value.steps
    .map(({ conclusion }) => conclusion)
    .join(' ')
    .trim()
  return { ...(reason !== '' && { reason }), usage: usageOf({ model, usage }) }
}

function unanswered(asked: Asked<unknown> & { readonly ok: false }, { timeoutSeconds }: Asking): NoAnswer {
  const { errors, reason } = flagsOf(asked, timeoutSeconds)
  return { ok: false, errors, reason, usage: usageOf(asked) }
}

function flagsOf(
  { fault, why, model }: Asked<unknown> & { readonly ok: false },
  timeoutSeconds: number,
): { errors: Partial<GraderErrors>; reason: string } {
  switch (fault) {
    case 'refused':
    case 'unavailable': {
      const errors = { model_grader_server_error: true, model_grader_server_error_details: why }
      return { errors, reason: `the model ${model} could not be asked` }
    }
    case 'declined':
      return { errors: { model_grader_refusal_error: true }, reason: `the model ${model} refused to judge` }
    case 'unreadable':
      return {
        errors: { model_grader_parse_error: true },
        reason: `the model ${model} gave no result that can be read`,
      }
    case 'late': {
      const reason = `the model ${model} took longer than ${timeoutSeconds} s`
      return { errors: { unresponsive_reward_error: true }, reason }
    }
  }
}

/** What was remembered cost nothing, and nothing was asked. */
const usageOf = ({ model, usage }: Pick<Asked<unknown>, 'model' | 'usage'>) =>
  usage.total_tokens === 0 ? [] : [{ model, ...usage }]
