import { z } from 'zod'
import type { Grader } from '../../kit/define-grader.ts'

/** What the description of a reward wire's addresses is made from. */
export interface RewardPaths {
  readonly summary: string
  readonly body: z.ZodType
  /** The JSON Schema of the answer. */
  readonly answer: object
  readonly graders: readonly Grader[]
}

/** The addresses of a reward wire for its description: its root, which grades with the default grader, and one for each grader. */
export function rewardPaths({ summary, body, answer, graders }: RewardPaths): Record<string, object> {
  const { $schema: _, ...schema } = z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' })
  const json = (content: object) => ({ content: { 'application/json': { schema: content } } })
  const failure = (description: string) => ({ description, ...json({ $ref: '#/components/schemas/Error' }) })
  const path = (grader: string) => ({
    post: {
      summary: `${summary}; graded by ${grader}.`,
      security: [{ bearer: [] }],
      requestBody: { required: true, ...json(schema) },
      responses: {
        200: { description: 'Every entry has a score, and each is recorded.', ...json(answer) },
        400: failure('The body is not JSON or is invalid, or the run is.'),
        401: failure('The token is missing or invalid.'),
        403: failure('The token lacks the scope, or is bound to other runs.'),
        404: failure('The grader does not exist.'),
        413: failure('The body is too large.'),
        415: failure('The body is compressed.'),
        422: failure('An item does not fit the environment, or a completion cannot be found.'),
        500: failure('An entry has no score, so none is answered; retry.'),
        503: failure('Temporarily unavailable; retry after `Retry-After` seconds.'),
        504: failure('A grader took too long; retry.'),
      },
    },
  })
  return {
    '/': path('the default grader'),
    ...Object.fromEntries(graders.map(({ name }) => [`/${name}`, path(`the grader ${name}`)])),
  }
}
