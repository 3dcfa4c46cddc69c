import type { Tool } from '../../kit/define-tool.ts'
import { addressesOf as mcpAddresses } from '../mcp/addresses.ts'

const json = (schema: object) => ({ content: { 'application/json': { schema } } })
const text = { content: { 'text/plain': { schema: { type: 'string' } } } }
const failure = (description: string) => ({ description, ...json({ $ref: '#/components/schemas/Error' }) })

const row = {
  type: 'object',
  description: 'A whole dataset row.',
  required: ['responses_create_params'],
  properties: { responses_create_params: { type: 'object', required: ['input'] } },
}

const responseRow = {
  ...row,
  description: 'The row again, and the model’s response in the shape of the Responses API.',
  required: [...row.required, 'response'],
  properties: {
    ...row.properties,
    response: { type: 'object', required: ['output'], properties: { output: { type: 'array', items: {} } } },
  },
}

const verified = {
  ...responseRow,
  description: 'The request’s body, its reward, and the parts of the score as numbers beside it.',
  required: [...responseRow.required, 'reward'],
  properties: { ...responseRow.properties, reward: { type: 'number' }, reward_components: { type: 'object' } },
}

const step = {
  type: 'object',
  required: ['observation', 'reward', 'terminated', 'truncated', 'info'],
  properties: {
    observation: { type: 'null' },
    reward: { type: 'number' },
    terminated: { type: 'boolean' },
    truncated: { type: 'boolean' },
    info: { type: 'object' },
  },
}

const post = (summary: string, body: object, answer: object) => ({
  post: {
    summary,
    security: [{ bearer: [] }],
    requestBody: { required: true, ...json(body) },
    responses: {
      200: { description: 'Done, and recorded. Sets the session’s cookie, as every answer does.', ...answer },
      500: failure('The session is unknown, or the server failed: the rollout gets no score.'),
      503: failure('There is no score, or the server is unavailable.'),
    },
  },
})

const get = (summary: string, answer: object) => ({
  get: { summary, responses: { 200: { description: 'OK', ...json(answer) } } },
})

/** The addresses of the wire as path items of an OpenAPI document. */
export function addressesOf(tools: readonly Tool[]): Readonly<Record<string, object>> {
  const calls = tools.map(({ name, description, parameters }) => [`/${name}`, post(description, parameters, text)])
  const own: Readonly<Record<string, object>> = {
    '/': get('Says that the server is ready.', { type: 'object' }),
    '/reverify_mode': get('Says that a verification needs its session.', { const: 'unsupported' }),
    '/seed_session': post('Begins a rollout with the item of a row.', row, json({ type: 'object' })),
    ...Object.fromEntries(calls),
    '/verify': post('Grades the rollout of the session.', responseRow, json(verified)),
    '/aggregate_metrics': post(
      'Describes the numbers of verified rollouts.',
      { type: 'object' },
      json({ type: 'object' }),
    ),
    '/reset': post('Begins a rollout that is played in steps.', row, json({ type: 'object' })),
    '/step': post('Makes the tool calls of a response, or grades it if it has none.', responseRow, json(step)),
    ...under('/mcp', mcpAddresses()),
    '/close': post('Ends a rollout that was begun by /reset.', { type: 'object' }, json({ type: 'object' })),
  }
  return { ...own, ...under('/ng-rollout/{ngRollout}', own, rollout) }
}

/** Puts a prefix in front of addresses, with the parameter in it. */
function under(prefix: string, paths: Readonly<Record<string, object>>, parameter?: object): Record<string, object> {
  const prefixed = Object.entries(paths).map(([path, item]) => {
    const given: readonly unknown[] = 'parameters' in item && Array.isArray(item.parameters) ? item.parameters : []
    const parameters = parameter === undefined ? given : [parameter, ...given]
    return [`${prefix}${path === '/' ? '' : path}`, parameters.length === 0 ? item : { ...item, parameters }] as const
  })
  return Object.fromEntries(prefixed)
}

const rollout = {
  name: 'ngRollout',
  in: 'path',
  required: true,
  description: 'The trainer’s id of the rollout, which its client puts in front of every address when it records them.',
  schema: { type: 'string' },
}
