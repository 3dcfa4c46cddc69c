import { z } from 'zod'
import type { Sampling } from '../../kit/judge.ts'
import type { GraderErrors } from '../openai-graders/grader-errors.ts'
import type { Message } from '../openai-graders/messages.ts'
import type { NoAnswer, Runners } from '../openai-graders/runners.ts'
import type { LabelModelGrader, ScoreModelGrader } from '../openai-graders/single-graders.ts'
import type { JudgeClient, ModelAnswer } from './judge-client.ts'
import { chatMessages } from './messages.ts'
import { readJsonReply } from './reply.ts'

/**
 * Makes the runners of OpenAI's graders `score_model` and `label_model`. They share the judge's client: one limit on
 * requests, one cache, one count of tokens.
 *
 * The messages are sent as the grader has them, the sample's text among them; fencing it is up to the grader's author. The
 * reply is `{ steps: [{ description, conclusion }], result }`, as in OpenAI's own graders: the reasoning first, then a
 * number or one of the labels.
 *
 * @example runGrader(grader, subject, { similarity: textMetric, ...createModelRunners(client) }, signal)
 */
export function createModelRunners(client: JudgeClient): Required<Pick<Runners, 'scoreModel' | 'labelModel'>> {
  return {
    async scoreModel(grader, messages, signal) {
      const [min, max] = grader.range ?? [0, 1]
      const result = { type: 'number', description: `The score, from ${min} to ${max}.` }
      const answer = await ask(client, { grader, messages, result, read: z.number() }, signal)
      if (!answer.ok) return unanswered(answer, client)
      return { ok: true, score: answer.value.result, ...reasonAndUsage(answer) }
    },
    async labelModel(grader, messages, signal) {
      const result = { type: 'string', enum: [...new Set(grader.labels)], description: 'The label.' }
      const answer = await ask(client, { grader, messages, result, read: z.enum(grader.labels) }, signal)
      if (!answer.ok) return unanswered(answer, client)
      return { ok: true, label: answer.value.result, ...reasonAndUsage(answer) }
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
  client: JudgeClient,
  { grader, messages, result, read }: Question<Result>,
  signal: AbortSignal,
): Promise<ModelAnswer<Verdict<Result>>> {
  const verdict = z.object({ steps: z.array(step).catch([]), result: read })
  return client.ask(
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

function schemaOf(result: Question<unknown>['result']) {
  return {
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
  }
}

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

function reasonAndUsage({ value, model, usage }: ModelAnswer<Verdict<unknown>> & { readonly ok: true }) {
  const reason = value.steps
    .map(({ conclusion }) => conclusion)
    .join(' ')
    .trim()
  return { ...(reason !== '' && { reason }), usage: usageOf({ model, usage }) }
}

function unanswered(answer: ModelAnswer<unknown> & { readonly ok: false }, { timeoutSeconds }: JudgeClient): NoAnswer {
  const { errors, reason } = flagsOf(answer, timeoutSeconds)
  return { ok: false, errors, reason, usage: usageOf(answer) }
}

function flagsOf(
  { fault, reason, model }: ModelAnswer<unknown> & { readonly ok: false },
  timeoutSeconds: number,
): { errors: Partial<GraderErrors>; reason: string } {
  switch (fault) {
    case 'refused':
    case 'unavailable': {
      const errors = { model_grader_server_error: true, model_grader_server_error_details: reason }
      return { errors, reason: `the model ${model} could not be asked` }
    }
    case 'declined':
      return { errors: { model_grader_refusal_error: true }, reason: `the model ${model} declined to answer` }
    case 'unreadable':
      return { errors: { model_grader_parse_error: true }, reason: `the model ${model} gave no readable result` }
    case 'timed_out': {
      const message = `the model ${model} took longer than ${timeoutSeconds} s`
      return { errors: { unresponsive_reward_error: true }, reason: message }
    }
  }
}

/** A cached answer cost nothing, so no model is listed for it. */
function usageOf({ model, usage }: Pick<ModelAnswer<unknown>, 'model' | 'usage'>) {
  return usage.total_tokens === 0 ? [] : [{ model, ...usage }]
}
