import type { z } from 'zod'
import { graderErrors } from '../../runtime/openai-graders/grader-errors.ts'
import { openAiBases } from '../../wires/openai/addresses.ts'
import { graderBody, graderRunBody } from '../../wires/openai/graders.ts'
import { toolRunBody } from '../../wires/openai/tool-run.ts'

const nullable = (type: string) => ({ type: [type, 'null'] })
const object = (properties: Readonly<Record<string, unknown>>) => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
})

/** An error as OpenAI's SDKs read it. */
export const sdkError = object({
  error: object({
    message: { type: 'string' },
    type: { enum: ['invalid_request_error', 'server_error'] },
    param: nullable('string'),
    code: { type: 'string' },
  }),
})

const flags = Object.entries(graderErrors()).map(([flag, unset]) => [
  flag,
  unset === null ? nullable('string') : { type: 'boolean' },
])
const whole = { type: 'integer' }
const usage = object({ prompt_tokens: whole, completion_tokens: whole, total_tokens: whole, cached_tokens: whole })
const scores = { type: 'object', additionalProperties: nullable('number') }

const runAnswer = object({
  reward: {
    ...nullable('number'),
    description: "null, never 0, if there is no score for a reason that is not the model's fault; see `errors`.",
  },
  metadata: object({
    name: { type: 'string' },
    type: { type: 'string' },
    errors: object(Object.fromEntries(flags)),
    execution_time: { type: 'number', description: 'In seconds.' },
    scores,
    token_usage: { anyOf: [usage, { type: 'null' }] },
    sampled_model_name: nullable('string'),
    reason: { type: 'string' },
  }),
  sub_rewards: scores,
  model_grader_token_usage_per_model: { type: 'object', additionalProperties: usage },
})

/**
 * The addresses that OpenAI's SDKs call, as the `paths` of an OpenAPI document whose components have an `SdkError`.
 *
 * @param bodyOf makes the JSON Schema of a request's body
 * @param toolAnswer the JSON Schema of a tool call's answer
 */
export function sdkPaths(bodyOf: (schema: z.ZodType) => object, toolAnswer: unknown): Record<string, unknown> {
  const json = (schema: unknown) => ({ content: { 'application/json': { schema } } })
  const failure = (description: string) => ({ description, ...json({ $ref: '#/components/schemas/SdkError' }) })
  const failures = {
    400: failure('The body or the grader is invalid, `param` names the part; or the run is invalid.'),
    401: failure('The token is missing or invalid.'),
    403: failure('The token lacks the scope, or is bound to other runs.'),
    413: failure('The body is too large.'),
    415: failure('The body is compressed.'),
    500: failure('A failure of the server, or a rollout that cannot be graded; retry.'),
    503: failure('Temporarily unavailable; retry after `Retry-After` seconds.'),
    504: failure('The request took too long; retry.'),
  }
  const post = (summary: string, body: object, answer: unknown, more: object = {}) => ({
    post: {
      summary,
      security: [{ bearer: [] }],
      requestBody: { required: true, ...json(body) },
      responses: { 200: { description: 'Done.', ...json(answer) }, ...failures, ...more },
    },
  })
  const ofCalls = {
    422: failure('The item does not fit the environment.'),
  }
  const required = ['grader']
  const run = { ...bodyOf(graderRunBody), required }
  const validate = { ...bodyOf(graderBody), required }
  const validated = {
    type: 'object',
    required: ['grader'],
    properties: { grader: {}, warnings: { type: 'array', items: { type: 'string' } } },
  }
  const call = bodyOf(toolRunBody)
  const paths = {
    'graders/run': post('Run a grader in OpenAI’s format.', run, runAnswer),
    'graders/validate': post('Check a grader in OpenAI’s format.', validate, validated),
    'tool/run': post('Call a tool of this server, or one of an allowed address.', call, toolAnswer, ofCalls),
  }
  return Object.fromEntries(
    openAiBases.flatMap((base) =>
      Object.entries(paths).map(([path, entry]) => [`${base}/fine_tuning/alpha/${path}`, entry]),
    ),
  )
}
