import { Hono } from 'hono'
import { z } from 'zod'
import { RequestError } from '../kit/errors.ts'
import type { FoundDocument } from '../kit/retrieve.ts'
import { settleAll } from '../runtime/concurrency.ts'
import { jsonAnswer, onlyBy } from './http.ts'
import { readBody } from './read-body.ts'
import type { Wire } from './wire.ts'

/** How many queries of one request are searched at the same time. */
const atOnce = 16

const body = z.object({
  queries: z.array(z.string()).min(1).max(1_000),
  topk: z.number().int().min(1).max(1_000).nullish(),
  return_scores: z.boolean().nullish(),
})

const document = {
  type: 'object',
  required: ['contents'],
  properties: { contents: { type: 'string', description: 'The title on the first line, then the text.' } },
}
const answer = {
  type: 'object',
  required: ['result'],
  properties: {
    result: {
      type: 'array',
      description: 'For each query its documents, the best first; with `return_scores` as `document` and `score`.',
      items: {
        type: 'array',
        items: {
          anyOf: [
            document,
            { type: 'object', required: ['document', 'score'], properties: { document, score: { type: 'number' } } },
          ],
        },
      },
    },
  },
}

/**
 * The retrieval service that search tools of verl and Search-R1 ask (`retrieval_service_url`): documents for a list of
 * queries, from the environment's `retrieve`. A search belongs to no rollout, so it is not recorded and spends no budget.
 * The client sends no key.
 */
export const verl: Wire = {
  name: 'verl',
  prefix: '/retrieve',
  sendsKey: false,
  describe() {
    const { $schema: _, ...schema } = z.toJSONSchema(body, { io: 'input' })
    const json = (content: object) => ({ content: { 'application/json': { schema: content } } })
    const failure = (description: string) => ({ description, ...json({ $ref: '#/components/schemas/Error' }) })
    const search = {
      summary: 'Documents for a list of queries, as verl and Search-R1 ask for them.',
      security: [{ bearer: [] }],
      requestBody: { required: true, ...json(schema) },
      responses: {
        200: { description: 'The documents.', ...json(answer) },
        400: failure('The body is not JSON or is invalid, or the run is.'),
        401: failure('The token is missing or invalid.'),
        403: failure('The token lacks the scope, or is bound to other runs.'),
        500: failure('A search failed, or the environment has none; retry.'),
        503: failure('Temporarily unavailable; retry after `Retry-After` seconds.'),
        504: failure('A search took too long; retry.'),
      },
    }
    return { '/': { post: search } }
  },
  create(deps) {
    const app = new Hono()
    app.onError((error, c) => deps.respond(c, error))
    app.post('/', async (c) => {
      await deps.allow(c.req.raw, 'tools')
      const { queries, topk, return_scores: withScores } = await readBody(c, body, deps)
      const { retrieve } = deps
      if (retrieve === undefined) throw nothingToSearch()
      const limit = topk ?? 3
      const outcomes = await settleAll(queries, atOnce, (query) => retrieve({ query, limit }))
      const failed = outcomes.find((outcome) => outcome.status === 'rejected')
      if (failed !== undefined) throw failed.reason
      const found = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
      const entryOf = (one: FoundDocument) => (withScores ? withScore(one) : documentOf(one))
      return jsonAnswer({ result: found.map((documents) => documents.map(entryOf)) }, {})
    })
    app.all('/', onlyBy('POST'))
    return app
  },
}

/** A 5xx, which the client retries and its log shows; it hands the text of a 4xx to the model as a search result. */
function nothingToSearch(): RequestError {
  return new RequestError(500, 'retrieve_undefined', 'the environment defines no "retrieve" in schema/environment.ts')
}

const withScore = (found: FoundDocument) => ({ document: documentOf(found), score: found.score })

/** The client takes the first line for the title. */
function documentOf({ title = '', text }: FoundDocument): { readonly contents: string } {
  return { contents: `${title.replaceAll(/\s+/g, ' ').trim()}\n${text}` }
}
