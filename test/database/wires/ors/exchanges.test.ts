import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Datasets, openDatasets } from '../../../../src/runtime/datasets.ts'
import { testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { environment, note, repeat, rows, sums } from '../../../support/ors/arithmetic.ts'
import { orsClient } from '../../../support/ors/client.ts'

const database = useDatabase()
const folder = mkdtempSync(join(tmpdir(), 'ors-'))
let datasets: Datasets
let app: ReturnType<typeof testApp>

beforeAll(async () => {
  const path = join(folder, 'train.jsonl')
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const twice = [rows[0], { ...rows[0], answer: '5' }, rows[1]]
  writeFileSync(join(folder, 'dev.jsonl'), twice.map((row) => JSON.stringify(row)).join('\n'))
  datasets = await openDatasets([{ split: 'train', path }], environment.readItem)
  app = testApp(database, {
    tools: [note, repeat],
    graders: [sums],
    readItem: environment.readItem,
    submit: environment.submit,
    budget: environment.budget,
    datasets,
  })
})
afterAll(async () => {
  await datasets.close()
  rmSync(folder, { recursive: true, force: true })
})

const client = orsClient((path, init) => app.request(path, init))
const tasks = rows.map(({ id, question }) => ({ id, question }))
const first = { task_spec: tasks[0] }

const submitTool = {
  name: 'submit',
  description: 'Submit the answer',
  input_schema: {
    type: 'object',
    properties: { answer: { type: 'string' } },
    required: ['answer'],
    additionalProperties: false,
  },
}

/** Requests whose answers need no session. */
const listed: readonly (readonly [method: 'get' | 'post', path: string, body: object, answer: unknown])[] = [
  ['get', '/splits', {}, [{ name: 'train', type: 'train' }]],
  ['post', '/num_tasks', { split: 'train' }, { num_tasks: 3 }],
  ['post', '/tasks', { split: 'train' }, { tasks, env_name: 'scorekeeper' }],
  ['post', '/task', { split: 'train', index: 1 }, { task: tasks[1], env_name: 'scorekeeper' }],
  ['post', '/task_range', { split: 'train', start: 0, stop: 1 }, { tasks: [tasks[0]], env_name: 'scorekeeper' }],
  ['post', '/task_range', { split: 'train', start: -2 }, { tasks: tasks.slice(-2), env_name: 'scorekeeper' }],
  ['post', '/task_range', { split: 'train', start: 1, stop: -1 }, { tasks: [tasks[1]], env_name: 'scorekeeper' }],
  ['post', '/task_range', { split: 'train', start: 5 }, { tasks: [], env_name: 'scorekeeper' }],
]

describe('the addresses of Open Reward Standard', () => {
  it('list the environment, and say that the server answers', async () => {
    expect(await client.get('/health')).toEqual({ status: 200, body: { status: 'ok' } })
    expect(await client.get('/version')).toEqual({ status: 200, body: { version: 'test' } })
    expect(await client.get('/list_environments')).toEqual({ status: 200, body: ['scorekeeper'] })
  })

  it.each(listed)('answer %s %s with %o, with and without the environment', async (method, path, body, answer) => {
    for (const base of ['', '/scorekeeper', '/Scorekeeper']) {
      const answered = await (method === 'get' ? client.get(`${base}${path}`) : client.post(`${base}${path}`, body))
      expect(answered).toEqual({ status: 200, body: answer })
      expect(JSON.stringify(answered)).not.toContain('answer')
    }
  })

  it('list the tools, and the submit after them', async () => {
    for (const path of ['/tools', '/scorekeeper/tools', '/scorekeeper/task_tools']) {
      const { body } = await client.get(path)
      expect(body).toMatchObject({ tools: [{ name: 'note' }, { name: 'repeat' }, submitTool] })
      expect(body).toHaveProperty('tools.2', submitTool)
    }
  })

  it.each([
    ['/tasks', { split: 'dev' }, 400, 'Invalid split: the splits are: train'],
    ['/task', { split: 'train', index: 3 }, 400, 'Invalid index: the split "train" has 3 tasks'],
    ['/task', { split: 'train', index: -1 }, 400, 'Invalid index'],
    ['/task', { split: 'train', index: 0.5 }, 400, 'index'],
    ['/other/task', { split: 'train', index: 0 }, 404, 'unknown environment; this server has one, "scorekeeper"'],
    ['/create', first, 400, 'X-Session-ID header is required'],
    ['/ping', {}, 400, 'X-Session-ID header is required'],
  ])('refuse %s of %o with %i, in the detail that clients read', async (path, body, status, detail) => {
    expect(await client.post(path, body)).toMatchObject({
      status,
      body: { detail: expect.stringContaining(detail), error: { code: expect.any(String) } },
    })
  })

  it('are called by their own methods', async () => {
    const answer = await app.request('/ors/scorekeeper/call', { method: 'GET' })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST, OPTIONS'])
  })
})

describe('a session', () => {
  it('is handed out, begun by a task or by an index, and has a prompt', async () => {
    expect(await client.stream('/create_session', {})).toEqual([
      ['task_id', expect.stringMatching(/^[0-9a-f-]{36}$/)],
      ['end', ''],
    ])
    for (const task of [first, { split: 'train', index: 0 }, { task_spec: rows[0] }]) {
      const sid = await client.begin(task)
      for (const path of ['/scorekeeper/prompt', '/prompt']) {
        const body = [{ type: 'text', text: 'What is 2+2?', detail: null }]
        expect(await client.get(path, sid)).toEqual({ status: 200, body })
      }
      expect((await client.call(sid, 'submit', { answer: '4' })).result).toMatchObject({ output: { reward: 1 } })
    }
  })

  it('exists once: the same task again is a retry, another one is refused', async () => {
    const sid = await client.begin(first)
    expect(await client.post('/create', first, sid)).toEqual({ status: 200, body: { sid } })
    expect(await client.post('/create', { split: 'train', index: 1 }, sid)).toMatchObject({
      status: 400,
      body: { detail: 'Session already exists' },
    })
    expect(await database.sql`select from rollouts where id = ${sid}`).toHaveLength(1)
  })

  it.each([
    [{ task_spec: { id: '9', question: 'What is 9+9?' } }, 422, 'not one of this server'],
    [{ split: 'train' }, 400, 'Provide either task_spec or both split and index'],
    [{ ...first, split: 'train', index: 0 }, 400, 'Provide either task_spec or both split and index'],
    [{ ...first, env_name: 'other' }, 404, 'unknown environment'],
    [{ ...first, toolset_name: 'bash' }, 400, 'unknown toolset'],
    [{ split: 'train', index: 7 }, 400, 'Invalid index'],
  ])('is not begun by %o', async (body, status, detail) => {
    expect(await client.post('/create', body, 'refused')).toMatchObject({
      status,
      body: { detail: expect.stringContaining(detail) },
    })
    expect(await database.sql`select from rollouts where id = 'refused'`).toHaveLength(0)
  })

  it('is not begun by a task that two rows have with different references', async () => {
    const ambiguous = await openDatasets([{ split: 'dev', path: join(folder, 'dev.jsonl') }], environment.readItem)
    const other = testApp(database, { graders: [sums], readItem: environment.readItem, datasets: ambiguous })
    const { post } = orsClient((path, init) => other.request(path, init))
    expect(await post('/create', first, 'ambiguous')).toMatchObject({
      status: 422,
      body: { detail: expect.stringContaining('2 rows with different references have this task') },
    })
    expect(await post('/create', { task_spec: tasks[1] }, 'clear')).toMatchObject({ status: 200 })
    expect(await post('/create', { split: 'dev', index: 1 }, 'named')).toMatchObject({ status: 200 })
    await ambiguous.close()
  })

  it('answers a ping before it has begun and until it is deleted, and is dead for a client afterwards', async () => {
    const [[, waiting] = ['', '']] = await client.stream('/create_session', {})
    const sid = await client.begin(first)
    for (const each of [waiting, sid]) {
      expect(await client.post('/ping', {}, each)).toEqual({ status: 200, body: { status: 'ok' } })
    }
    expect(await client.post('/delete', {}, sid)).toEqual({ status: 200, body: { sid } })
    expect(await client.post('/delete_session', {}, sid)).toEqual({ status: 200, body: { sid } })
    const dead = { status: 404, body: { detail: 'Active environment not found' } }
    for (const each of [sid, 'unknown', '018d0000-0000-7000-8000-000000000000']) {
      expect(await client.post('/ping', {}, each)).toMatchObject(dead)
      expect(await client.get('/prompt', each)).toMatchObject(dead)
      expect(await client.post('/call', { name: 'note', input: { text: 'late' } }, each)).toMatchObject(dead)
    }
    const [row] = await database.sql`select outcome, wire from rollouts where id = ${sid}`
    expect(row).toEqual({ outcome: 'closed', wire: 'ors' })
  })
})

describe('a call', () => {
  it('is answered on a stream that begins with its id, the one of the ledger', async () => {
    const sid = await client.begin(first)
    const { taskId, events, result } = await client.call(sid, 'note', { text: 'a' })
    expect(events.map(([name]) => name)).toEqual(['task_id', 'end'])
    expect(result).toEqual({
      ok: true,
      output: {
        blocks: [{ type: 'text', text: 'note 1 on What is 2+2?', detail: null }],
        metadata: null,
        reward: null,
        finished: false,
      },
    })
    const calls = await database.sql`select call_id, outcome from ledger.calls where rollout_id = ${sid}`
    expect(calls.map((row) => ({ ...row }))).toEqual([{ call_id: taskId, outcome: 'ok' }])
  })

  it('is answered the same when it is asked for again by its id', async () => {
    const sid = await client.begin(first)
    const { taskId, events } = await client.call(sid, 'note', { text: 'a' })
    expect((await client.call(sid, 'note', { text: 'a' }, taskId)).events).toEqual(events)
    expect((await client.call(sid, 'note', { text: 'a' })).result).toMatchObject({
      output: { blocks: [{ text: 'note 2 on What is 2+2?' }] },
    })
  })

  it('is unknown by an id that was never handed out, or for another call', async () => {
    const sid = await client.begin(first)
    const { taskId } = await client.call(sid, 'note', { text: 'a' })
    const other = await client.begin(first)
    const unknown = [['error', 'unknown task_id']]
    const body = { name: 'note', input: { text: 'a' } }
    for (const id of ['T1', 'a.b', `${taskId}x`, taskId.toUpperCase()]) {
      expect(await client.stream('/call', { ...body, task_id: id }, sid)).toEqual(unknown)
    }
    expect(await client.stream('/call', { ...body, task_id: taskId }, other)).toEqual(unknown)
    expect(await client.stream('/call', { ...body, input: { text: 'b' }, task_id: taskId }, sid)).toEqual(unknown)
    expect(await client.stream('/call', { ...body, name: 'repeat', task_id: taskId }, sid)).toEqual(unknown)
  })

  it.each([
    ['plain', 'abcdefghij'],
    ['of spaces', '          '],
    ['of what looks like white space or the end of a line', '\u00a0\u2003\u2028\u0085\r\n\t"\\'],
    ['of surrogate pairs', '😀é'],
  ])('with a long answer %s arrives whole, in pieces of 4096 characters at most', async (_, text) => {
    const sid = await client.begin(first)
    const { events, result } = await client.call(sid, 'repeat', { text, times: 1_500 })
    expect(events.length).toBeGreaterThan(2)
    for (const [, data] of events) expect(data.length).toBeLessThanOrEqual(4_096)
    expect(events.map(([name]) => name)).toEqual(['task_id', ...events.slice(2).map(() => 'chunk'), 'end'])
    expect(result).toMatchObject({ output: { blocks: [{ text: text.repeat(1_500) }] } })
    if (text === 'abcdefghij') expect(events[1]?.[1]).toHaveLength(4_096)
  })

  it.each([
    ['nope', {}, 'there is no tool "nope"; the tools are: note, repeat; to finish, call submit'],
    ['note', { text: 1 }, 'invalid arguments: text: was 1, must be a string'],
    ['submit', {}, 'invalid arguments: answer: is missing, must be a string. submit takes {"answer": string}'],
  ])('of %s that the model got wrong is an error that it reads', async (name, input, error) => {
    const sid = await client.begin(first)
    const { events, result } = await client.call(sid, name, input)
    expect(events[0]?.[0]).toBe('task_id')
    expect(result).toEqual({ ok: false, error: expect.stringContaining(error) })
  })

  it('beyond the budget is refused, and finishing takes nothing from it', async () => {
    const sid = await client.begin(first)
    for (const text of ['a', 'b', 'c']) expect((await client.call(sid, 'note', { text })).result.ok).toBe(true)
    expect((await client.call(sid, 'note', { text: 'd' })).result).toEqual({
      ok: false,
      error: expect.stringContaining('the budget of 3 tool calls is used up'),
    })
    expect((await client.call(sid, 'submit', { answer: '4' })).result).toMatchObject({ output: { reward: 1 } })
    expect(await database.sql`select from ledger.calls where rollout_id = ${sid} and tool = 'submit'`).toHaveLength(0)
  })
})

describe('whatever a client sends', () => {
  const values = [null, 1, 'x', '\u0000', [], {}, [[[]]], -1, 0.5, 1e300, '12345678901234567890'.repeat(30)]
  const bodies = [
    '',
    'null',
    '[]',
    '"x"',
    '{',
    '{"split":"train"}',
    `{"a":${'['.repeat(200)}${']'.repeat(200)}}`,
  ].concat(
    ['split', 'index', 'start', 'name', 'input', 'task_id', 'task_spec', 'env_name'].flatMap((field) =>
      values.map((value) => JSON.stringify({ split: 'train', index: 0, name: 'submit', [field]: value })),
    ),
    '{"name":"note","input":{"text":12345678901234567890}}',
    '{"name":"submit","input":"{"}',
  )
  const paths = ['task', 'tasks', 'num_tasks', 'task_range', 'create', 'call', 'ping', 'delete', 'create_session']

  it.each(paths)('to /%s is answered, and is no failure of the server', async (path) => {
    const sid = await client.begin(first)
    for (const body of bodies) {
      for (const base of ['/ors', '/ors/scorekeeper']) {
        const session = path === 'create' ? `${sid}-${bodies.indexOf(body)}` : sid
        const headers = { 'content-type': 'application/json', 'x-session-id': session }
        const answer = await app.request(`${base}/${path}`, { method: 'POST', headers, body })
        const text = await answer.text()
        if (path === 'call' && answer.status === 200)
          expect([body, text]).toEqual([body, expect.stringMatching(/event: (end|error)/)])
        expect([body, answer.status, text]).toEqual([body, expect.toSatisfy((status: number) => status < 500), text])
      }
    }
  })
})

describe('finishing', () => {
  it('is answered with the reward, once, whatever is submitted later', async () => {
    const sid = await client.begin(first)
    await client.call(sid, 'note', { text: 'a' })
    const { taskId, events, result } = await client.call(sid, 'submit', { answer: '5' })
    expect(result).toEqual({
      ok: true,
      output: {
        blocks: [{ type: 'text', text: 'submitted', detail: null }],
        metadata: null,
        reward: 0.1,
        finished: true,
      },
    })
    expect((await client.call(sid, 'submit', { answer: '5' }, taskId)).events).toEqual(events)
    expect((await client.call(sid, 'submit', { answer: '5' })).result).toEqual(result)
    expect((await client.call(sid, 'submit', { answer: '4' })).result).toEqual({
      ok: false,
      error: 'the task is finished: an answer was submitted before, and counts',
    })
    expect(
      await database.sql`select from grades g join rollouts r on r.number = g.rollout where r.id = ${sid}`,
    ).toHaveLength(1)
  })

  it('accepts one of many answers that a model submits at once', async () => {
    const sid = await client.begin(first)
    const answers = ['1', '2', '3', '4', '5']
    const results = await Promise.all(answers.map((answer) => client.call(sid, 'submit', { answer })))
    expect(results.filter(({ result }) => result.ok)).toHaveLength(1)
  })

  it('without a score has no reward and says so, in the metadata and to nobody as a zero', async () => {
    const sid = await client.begin(first)
    const { result } = await client.call(sid, 'submit', { answer: 'unknown' })
    expect(result).toEqual({
      ok: true,
      output: {
        blocks: [{ type: 'text', text: 'submitted', detail: null }],
        metadata: { scorekeeper: { no_score: true, code: 'judge_unavailable', why: expect.any(String) } },
        reward: null,
        finished: true,
      },
    })
    const gradings = await database.sql`
      select g.outcome from grades g join rollouts r on r.number = g.rollout where r.id = ${sid}`
    expect(gradings.map(({ outcome }) => outcome)).toEqual(['ungradable', 'ungradable', 'ungradable'])
  })

  it('has a call of its own in an environment that declares none, whatever its tools are named', async () => {
    const settings = { graders: [sums], readItem: environment.readItem, datasets }
    const plain = orsClient((path, init) => testApp(database, settings).request(path, init))
    expect(await plain.get('/tools')).toMatchObject({ body: { tools: [{ name: 'submit' }] } })
    const taken = testApp(database, { ...settings, tools: [{ ...note, name: 'submit' }] })
    const other = orsClient((path, init) => taken.request(path, init))
    expect(await other.get('/tools')).toMatchObject({ body: { tools: [{ name: 'submit' }, { name: 'final_answer' }] } })
    const sid = await other.begin(first)
    expect((await other.call(sid, 'final_answer', { answer: '4' })).result).toMatchObject({ output: { reward: 1 } })
    expect(() => testApp(database, { tools: [{ ...note, name: 'submit' }], submit: environment.submit })).toThrow(
      'a tool has the name "submit" of the environment\'s submit',
    )
  })
})
