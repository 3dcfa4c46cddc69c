import { once } from 'node:events'
import { serve } from '@hono/node-server'
import OpenAI from 'openai'
import { z } from 'zod'
import type { Database } from '../../../src/postgres/database.ts'
import { admittingApp, type TestAppOptions } from '../app.ts'

/** A server on a socket, and the official client that talks to it. */
export interface Served {
  readonly origin: string
  /** The client with another `baseURL` and without retries. */
  readonly client: OpenAI
  close(): void
}

/** Serves an app of these parts on a socket. */
export async function served(database: Pick<Database, 'sql' | 'db'>, options: TestAppOptions = {}): Promise<Served> {
  const server = serve({ fetch: admittingApp(database, options), port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  const { port } = z.object({ port: z.number() }).parse(server.address())
  const origin = `http://127.0.0.1:${port}`
  return {
    origin,
    client: new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'none', maxRetries: 0 }),
    close: () => void server.close(),
  }
}

/** The full answer of `graders/run`, with all flags. */
export const runAnswer = z.strictObject({
  reward: z.number().nullable(),
  metadata: z.strictObject({
    name: z.string(),
    type: z.string(),
    execution_time: z.number().nonnegative(),
    scores: z.record(z.string(), z.number().nullable()),
    token_usage: z
      .strictObject({
        prompt_tokens: z.number(),
        completion_tokens: z.number(),
        total_tokens: z.number(),
        cached_tokens: z.number(),
      })
      .nullable(),
    sampled_model_name: z.string().nullable(),
    reason: z.string(),
    errors: z.strictObject({
      formula_parse_error: z.boolean(),
      sample_parse_error: z.boolean(),
      truncated_observation_error: z.boolean(),
      unresponsive_reward_error: z.boolean(),
      invalid_variable_error: z.boolean(),
      other_error: z.boolean(),
      python_grader_server_error: z.boolean(),
      python_grader_server_error_type: z.string().nullable(),
      python_grader_runtime_error: z.boolean(),
      python_grader_runtime_error_details: z.string().nullable(),
      model_grader_server_error: z.boolean(),
      model_grader_refusal_error: z.boolean(),
      model_grader_parse_error: z.boolean(),
      model_grader_server_error_details: z.string().nullable(),
    }),
  }),
  sub_rewards: z.record(z.string(), z.number().nullable()),
  model_grader_token_usage_per_model: z.record(z.string(), z.unknown()),
})

/** Posts a grader that the SDK's types do not have, or that is invalid, and reads the full answer. */
export async function runRaw(client: OpenAI, body: unknown) {
  return runAnswer.parse(await client.post('/fine_tuning/alpha/graders/run', { body: body as object }))
}

/** The names of the flags that were raised. */
export const raised = (answer: z.infer<typeof runAnswer>) =>
  Object.entries(answer.metadata.errors).flatMap(([flag, value]) => (value === true ? [flag] : []))

const apiError = z.object({
  status: z.number(),
  requestID: z.string(),
  error: z.strictObject({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string(),
  }),
})

/** What the client throws for an answer other than 2xx, in OpenAI's shape and with the id of the request. */
export async function thrown(promise: Promise<unknown>) {
  const error = await promise.then(
    () => undefined,
    (one: unknown) => one,
  )
  if (!(error instanceof OpenAI.APIError)) throw new Error('no API error', { cause: error })
  const { status, requestID, error: inner } = apiError.parse(error)
  return { name: error.constructor.name, status, requestID, ...inner }
}
