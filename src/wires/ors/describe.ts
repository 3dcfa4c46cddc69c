import type { Wire } from '../wire.ts'

const json = (schema: object) => ({ content: { 'application/json': { schema } } })
const object = (properties: object, required = Object.keys(properties)) => ({ type: 'object', properties, required })
const text = { type: 'string' }
const whole = { type: 'integer' }
const anything = { type: 'object' }
const tasks = object({ tasks: { type: 'array', items: anything }, env_name: text })

const session = {
  name: 'X-Session-ID',
  in: 'header',
  required: true,
  schema: text,
  description: 'The session, which is the rollout id.',
}
const events = {
  200: {
    description: 'Events: task_id, then chunk (any number) and end, or error.',
    content: { 'text/event-stream': { schema: text } },
  },
}
const dead = { 404: { description: 'The session does not exist or has ended.' } }

const get = (summary: string, answer: object, more: object = {}) => ({
  get: { summary, responses: { 200: { description: 'OK', ...json(answer) } }, ...more },
})
const post = (summary: string, body: object, answer: object, more: object = {}) => ({
  post: {
    summary,
    requestBody: { required: true, ...json(body) },
    responses: { 200: { description: 'OK', ...json(answer) } },
    ...more,
  },
})

const shared: Readonly<Record<string, object>> = {
  '/tools': get(
    'The tools, and what the model calls to finish.',
    object({ tools: { type: 'array', items: anything } }),
  ),
  '/task_tools': get('The same.', object({ tools: { type: 'array', items: anything } })),
  '/splits': get('The splits of DATASETS.', { type: 'array', items: object({ name: text, type: text }) }),
  '/tasks': post('All tasks of a split, without their references.', object({ split: text }), tasks),
  '/num_tasks': post('How many tasks a split has.', object({ split: text }), object({ num_tasks: whole })),
  '/task': post(
    'One task, without its reference.',
    object({ split: text, index: whole }),
    object({ task: anything, env_name: text }),
  ),
  '/task_range': post(
    'The tasks from start to before stop, as Python slices.',
    object({ split: text, start: whole, stop: whole }, ['split']),
    tasks,
  ),
  '/create_session': { post: { summary: 'Hand out a session id.', responses: events } },
  '/create': post(
    'Begin a rollout of a task.',
    object({ task_spec: anything, split: text, index: whole, env_name: text }, []),
    object({ sid: text }),
    { parameters: [session] },
  ),
  '/prompt': get('The prompt of the task.', { type: 'array', items: anything }, { parameters: [session] }),
  '/call': {
    post: {
      summary: 'Call a tool once, or finish; with task_id, get the answer of a call that was made before.',
      parameters: [session],
      requestBody: { required: true, ...json(object({ name: text, input: anything, task_id: text }, ['name'])) },
      responses: { ...events, ...dead },
    },
  },
  '/ping': {
    post: {
      summary: 'Whether the session is alive.',
      parameters: [session],
      responses: { 200: { description: 'Alive.', ...json(object({ status: text })) }, ...dead },
    },
  },
  '/delete': {
    post: { summary: 'End the rollout.', parameters: [session], responses: { 200: { description: 'Ended.' } } },
  },
  '/delete_session': {
    post: { summary: 'The same.', parameters: [session], responses: { 200: { description: 'Ended.' } } },
  },
}

/** The addresses of the wire for the OpenAPI document: each also follows the name of the environment. */
export const describeOrs: Wire['describe'] = () => ({
  '/health': get('Whether the server answers.', object({ status: text })),
  '/version': get('The version of the server.', object({ version: text })),
  '/list_environments': get('The environments.', { type: 'array', items: text }),
  ...shared,
  ...Object.fromEntries(
    Object.entries(shared).map(([path, item]) => [`/{env}${path}`, { ...item, parameters: [environment] }]),
  ),
})

const environment = { name: 'env', in: 'path', required: true, schema: { const: 'scorekeeper' } }
