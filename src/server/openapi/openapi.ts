import { z } from 'zod'
import { defaultRun, runNameRule } from '../../base/run-name.ts'
import type { Grader } from '../../kit/define-grader.ts'
import type { Tool } from '../../kit/define-tool.ts'
import { gradingBody, toolCallBody } from '../../wires/agent-rft.ts'
import type { Wire } from '../../wires/wire.ts'
import { sdkError, sdkPaths } from './openapi-sdk.ts'

const error = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: { code: { type: 'string' }, message: { type: 'string' } },
    },
    output: { type: 'string', description: 'The message again, for the model, in answers to tool calls.' },
  },
}

const toolAnswer = {
  type: 'object',
  required: ['type', 'call_id', 'id', 'output'],
  properties: {
    type: { const: 'function_call_output' },
    call_id: { type: 'string' },
    id: { type: 'string' },
    output: { type: 'string' },
  },
}

const scoreAnswer = { type: 'object', required: ['score'], properties: { score: { type: 'number' } } }

const json = (schema: unknown) => ({ content: { 'application/json': { schema } } })
const failure = (description: string) => ({ description, ...json({ $ref: '#/components/schemas/Error' }) })

const security = [{ bearer: [] }]

const shared = {
  400: failure('The body is not JSON or is invalid, or the run is.'),
  401: failure('The token is missing or invalid.'),
  403: failure('The token lacks the scope, or is bound to other runs.'),
  413: failure('The body is too large.'),
  415: failure('The body is compressed.'),
  422: failure('The item does not fit the environment.'),
  500: failure('A failure of the server; retry.'),
  503: failure('Temporarily unavailable; retry after `Retry-After` seconds.'),
  504: failure('The tool or the grader took too long; retry.'),
}

const post = (summary: string, body: unknown, answer: unknown, more: Readonly<Record<string, unknown>> = {}) => ({
  summary,
  security,
  requestBody: { required: true, ...json(body) },
  responses: { 200: { description: 'Done, and recorded.', ...json(answer) }, ...shared, ...more },
})

const get = (summary: string, more: Readonly<Record<string, unknown>> = {}) => ({
  summary,
  responses: { 200: { description: 'OK', ...json({}) }, ...more },
})

const endOfRollout = {
  summary: 'End a rollout with which the trainer has finished: what it holds is released.',
  security,
  parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
  responses: {
    200: { description: 'Ended, now or before.', ...json({ type: 'object', properties: { ended: { const: true } } }) },
    400: shared[400],
    401: shared[401],
    403: shared[403],
    404: failure('The run has no rollout with this id.'),
    500: shared[500],
    503: shared[503],
  },
}

/** What {@link openApi} describes. */
export interface Described {
  readonly tools: readonly Tool[]
  readonly graders: readonly Grader[]
  /** The wires that are on, beside Agent RFT. */
  readonly wires: readonly Wire[]
  /** Whether `/metrics` is served here. */
  readonly hasMetrics: boolean
  readonly version: string
}

/** The description of the server's addresses as an OpenAPI 3.1 document, made from the schemas in use. */
export function openApi({ tools, graders, wires, hasMetrics, version }: Described) {
  const body = (schema: z.ZodType) => {
    const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
    return rest
  }
  const call = body(toolCallBody)
  const grading = body(gradingBody)
  const unknown = { 404: failure('The grader does not exist.') }
  const unavailable = { 503: failure('The database is unavailable or not migrated.') }
  const toolPaths = tools.map(({ name, description, parameters }) => [
    `/tools/${name}`,
    { post: { ...post(description, call, toolAnswer), 'x-arguments': parameters } },
  ])
  const graderPaths = graders.map(({ name, version: of }) => [
    `/graders/${name}`,
    { post: post(`Grade a rollout with ${name}, version ${of}.`, grading, scoreAnswer, unknown) },
  ])
  const toolAddresses = {
    '/tools': { post: post('Call the tool that the body names.', call, toolAnswer) },
    ...Object.fromEntries(toolPaths),
  }
  const rolloutAddresses = {
    '/grade': { post: post('Grade a rollout with the default grader.', grading, scoreAnswer) },
    ...Object.fromEntries(graderPaths),
    '/rollouts/{id}/end': { post: endOfRollout },
  }
  const ofWire = ({ prefix, name, describe }: Wire) => under(prefix, name, describe(tools, graders))
  const listing = { get: { ...get("The tools as a dataset's `tools`."), security } }
  return {
    openapi: '3.1.0',
    info: { title: 'Scorekeeper', version, description: 'Tools and rewards for agent reinforcement fine-tuning.' },
    servers: [
      { url: '/', description: 'Every address, in the run of the key.' },
      {
        url: '/runs/{run}',
        description: 'Every address, in this run. The header `x-run` names a run too.',
        variables: { run: { default: defaultRun, description: `The name of a run: ${runNameRule}.` } },
      },
    ],
    paths: {
      ...toolAddresses,
      '/tools': { ...listing, ...toolAddresses['/tools'] },
      ...rolloutAddresses,
      ...under('/agent-rft', 'agent-rft', { ...toolAddresses, ...rolloutAddresses }),
      ...sdkPaths(body, toolAnswer),
      ...Object.fromEntries(wires.flatMap((wire) => Object.entries(ofWire(wire)))),
      '/openapi.json': { get: { ...get('This description.'), security } },
      ...(hasMetrics && { '/metrics': { get: { ...get('Metrics in the text format of Prometheus.'), security } } }),
      '/healthz': { get: get('The process is running.') },
      '/readyz': { get: get('The database answers and is migrated.', unavailable) },
    },
    components: {
      schemas: { Error: error, SdkError: sdkError },
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
  }
}

/** Puts a prefix in front of addresses, and the name of their wire into each operation. */
function under(prefix: string, wire: string, paths: Readonly<Record<string, object>>): Record<string, object> {
  const tagged = (item: object) =>
    Object.fromEntries(
      Object.entries(item).map(([method, operation]) => [
        method,
        typeof operation === 'object' && !Array.isArray(operation) ? { tags: [wire], ...operation } : operation,
      ]),
    )
  return Object.fromEntries(
    Object.entries(paths).map(([path, item]) => [`${prefix}${path === '/' ? '' : path}`, tagged(item)]),
  )
}
