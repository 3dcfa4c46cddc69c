import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../../src/kit/define.ts'
import { defineTool, keepingLog, post, testApp, toolCall, toolWith } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()

const say = defineTool({
  name: 'say',
  description: 'Says its arguments.',
  input: z.object({ text: z.string().default('nothing') }),
  effects: 'none',
  run: ({ input }) => input.text,
})
const other = defineTool({ ...head('other'), effects: 'none', run: () => 'the other one' })

function head(name: string) {
  return { name, description: 'Answers.', input: z.object({}) }
}

const app = () => testApp(database, { tools: [say, other] })

describe('a tool call', () => {
  it('is answered in the same way at the address of the tool and at /tools', async () => {
    const call = toolCall('say', 'both', 'one', { text: 'hello' })
    const here = await post(app(), '/tools/say', call)
    const there = await post(app(), '/tools', { ...call, call_id: 'two', id: 'fc_two' })
    const answer = { type: 'function_call_output', call_id: 'one', id: 'fc_one', output: 'hello' }
    expect([here.status, here.body]).toEqual([200, answer])
    expect([there.status, there.body]).toEqual([200, { ...answer, call_id: 'two', id: 'fc_two' }])
    expect(here.headers.get('content-type')).toBe('application/json')
    expect(here.headers.get('x-rollout-id')).toBe('both')
  })

  it('goes to the tool in the address, whatever name is in the body', async () => {
    for (const name of ['other', 'nothing', '', null, undefined]) {
      const { body } = await post(app(), '/tools/say', { name, arguments: { text: 'this one' } })
      expect(body.output).toBe('this one')
    }
  })

  it('without a name is refused with advice', async () => {
    for (const name of ['', null, undefined]) {
      const { status, body } = await post(app(), '/tools', { name, arguments: '{}' })
      expect([status, body.error?.code, body.output]).toEqual([400, 'missing_name', body.error?.message])
    }
  })

  it.each([
    ['JSON as a string', '{"text":"x"}', 'x'],
    ['an object', { text: 'x' }, 'x'],
    ['an empty string', '', 'nothing'],
    ['an empty object', {}, 'nothing'],
    ['null', null, 'nothing'],
    ['null as JSON', 'null', 'nothing'],
    ['no arguments', undefined, 'nothing'],
    ['unknown keys', '{"text":"x","more":1,"__proto__":{"text":"y"}}', 'x'],
  ])('takes as arguments %s', async (_, args, output) => {
    const { status, body } = await post(app(), '/tools/say', { arguments: args })
    expect([status, body.output]).toEqual([200, output])
  })

  it.each([
    ['a number beyond the range of doubles', '{"n":-1e400}', /^the arguments are not JSON: .* beyond/],
    [
      'text that is not JSON',
      '{"text":',
      /^the arguments are not JSON: .*end of JSON.*; write them as one JSON object$/,
    ],
    ['a list as JSON', '["x"]', /^invalid arguments: arguments: was a list, must be an object\. /],
    ['a field of the wrong type', '{"text":["x"]}', /^invalid arguments: text: was a list, must be a string\. /],
    ['too many levels', `{"text":${'['.repeat(101)}${']'.repeat(101)}}`, /nested deeper than 100 levels/],
  ])('is refused in words on one line for %s', async (_, args, words) => {
    const { status, body } = await post(app(), '/tools/say', { arguments: args })
    expect([status, body['type']]).toEqual([200, 'function_call_output'])
    expect(body.output).toMatch(words)
    expect(body.output).not.toContain('\n')
  })

  it('gets new ids for those that are missing, empty or null, and its rollout id is in the answer', async () => {
    const seen = new Set<unknown>()
    for (const missing of [undefined, '', null]) {
      const answer = await post(app(), '/tools/say', { id: missing, call_id: missing, trace_id: missing })
      const rollout = answer.headers.get('x-rollout-id')
      expect(rollout).toMatch(/^rollout_.{36}$/)
      expect(answer.body['call_id']).toMatch(/^call_.{36}$/)
      expect(answer.body['id']).toBe(`fc_${answer.body['call_id']}`)
      const rows = await database.sql`select call_id from ledger.calls where rollout_id = ${rollout}`
      expect([...rows]).toEqual([{ call_id: answer.body['call_id'] }])
      for (const id of [rollout, answer.body['call_id']]) seen.add(id)
    }
    expect(seen.size).toBe(6)
  })

  it('may have numbers as ids, and ids of any characters', async () => {
    const numbered = await post(app(), '/tools/say', { id: 0, call_id: 7, trace_id: 12 })
    expect(numbered.body).toMatchObject({ id: '0', call_id: '7' })
    expect(numbered.headers.get('x-rollout-id')).toBe('12')
    const strange = await post(app(), '/tools/say', { id: 'ü\n', call_id: '" ✓', trace_id: 'a b\r\n✓' })
    expect([strange.status, strange.body['call_id']]).toEqual([200, '" ✓'])
    expect(decodeURIComponent(strange.headers.get('x-rollout-id') ?? '')).toBe('a b\r\n✓')
  })

  it('may have unknown fields', async () => {
    const call = { ...toolCall('say', 'more', 'a'), type: 5, model: 'm', status: null, __proto__: { arguments: '[]' } }
    expect((await post(app(), '/tools/say', { ...call, extra: { deep: [1] } })).status).toBe(200)
  })

  it('needs neither an item nor a content-type', async () => {
    const response = await app().request('/tools/say', { method: 'POST', body: '{}' })
    expect([response.status, await response.json()]).toMatchObject([200, { output: 'nothing' }])
  })

  it('of an unknown tool is refused with the names of the tools', async () => {
    for (const path of ['/tools/find', '/tools/%00', '/tools/%ff', `/tools/${'x'.repeat(63)}%F0%9F%98%80`]) {
      const { status, body } = await post(app(), path, toolCall('find', 'unknown', path))
      expect(status).toBe(200)
      expect(body.output).toMatch(/^there is no tool ".+"; the tools are: say, other$/)
    }
  })

  it('with the id of another call of the rollout is a call of its own, noted once in the log, and each is replayed', async () => {
    const log = keepingLog()
    const replica = testApp(database, { tools: [say, other], log })
    const calls = ['first', 'second', 'third'].map((text) => toolCall('say', 'reused', 'a', { text }))
    for (const round of [1, 2]) {
      for (const call of calls) {
        const { status, body, headers } = await post(replica, '/tools/say', call)
        expect([status, body.output, body['call_id']]).toEqual([200, JSON.parse(call.arguments).text, 'a'])
        expect(headers.get('x-replayed')).toBe(round === 1 ? null : 'true')
      }
    }
    await post(replica, '/tools', toolCall('other', 'reused', 'a'))
    const rows = await database.sql`select tool, nth, seq from ledger.calls where rollout_id = 'reused' order by seq`
    expect(rows.map(({ tool, nth, seq }) => [tool, nth, seq])).toEqual([
      ['say', 1, 1],
      ['say', 2, 2],
      ['say', 3, 3],
      ['other', 4, 4],
    ])
    expect(log.lines).toMatchObject([
      { level: 'warn', facts: { code: 'call_id_reused', rollout: 'reused', run: 'default' } },
    ])
  })

  it.each(['none', 'database', 'external'] as const)(
    'with effects %s and the id of a different, failed call is a call of its own, and not an execution of that one',
    async (effects) => {
      const failing = defineTool({
        ...{ name: 'failing', description: 'Fails.', input: z.object({}), effects: 'none' },
        run() {
          throw new Error('broken')
        },
      })
      const head = { name: 'act', description: 'Acts.', input: z.object({}) }
      const run = () => 'acted'
      const act = toolWith(effects, { ...head, run })
      const replica = testApp(database, { tools: [failing, act] })
      const rollout = `failed-and-reused-${effects}`
      expect((await post(replica, '/tools', toolCall('failing', rollout, 'a'))).status).toBe(500)
      expect((await post(replica, '/tools', toolCall('act', rollout, 'a'))).body.output).toBe('acted')
      const rows = await database.sql`
        select tool, outcome, execution from ledger.calls where rollout_id = ${rollout} order by seq`
      expect([...rows]).toEqual([
        { tool: 'failing', outcome: 'failed', execution: 1 },
        { tool: 'act', outcome: 'ok', execution: 1 },
      ])
    },
  )

  it('with an invalid item is a 422 that names the field, logs one error, and is not recorded', async () => {
    const log = keepingLog()
    const replica = testApp(database, { tools: [say], log })
    for (const call of ['a', 'b']) {
      const wrong = toolCall('say', 'misfit', call, {}, { question: { text: 'why?' }, answer: 'because' })
      const { status, body, text } = await post(replica, '/tools/say', wrong)
      expect([status, body.error?.code]).toEqual([422, 'item_misfit'])
      expect(body.error?.message).toContain('item.question: was an object, must be a string')
      expect(text).not.toContain('because')
    }
    const item = await post(replica, '/tools/say', toolCall('say', 'misfit', 'c', {}, 'a row'))
    expect([item.status, item.body.error?.message]).toEqual([
      422,
      expect.stringContaining('item: was a string, must be an object'),
    ])
    expect(log.lines.map(({ level, facts }) => [level, facts['status']])).toEqual([
      ['error', 422],
      ['error', 422],
    ])
    expect(await database.sql`select from ledger.calls where rollout_id = 'misfit'`).toHaveLength(0)
  })

  it.each(['none', 'database', 'external'] as const)(
    'with effects %s never shows the tool the reference',
    async (effects) => {
      const { defineTool: define } = defineEnvironment({
        task: z.object({ question: z.string(), hints: z.object({ first: z.string() }) }),
        reference: z.object({ answer: z.string() }),
        state: z.object({}),
      })
      const seen: unknown[] = []
      const run = (context: object) => {
        seen.push(context)
        return 'ok'
      }
      const tool =
        effects === 'none'
          ? define({ ...head('spy'), effects, run })
          : effects === 'database'
            ? define({ ...head('spy'), effects, run })
            : define({ ...head('spy'), effects, run })
      const item = { question: 'q', answer: 'secret-42', hints: { first: 'h', answer: 'secret-42' }, gold: 'secret-42' }
      await post(testApp(database, { tools: [tool] }), '/tools/spy', toolCall('spy', `spy-${effects}`, 'a', {}, item))
      expect(seen).toMatchObject([{ task: { question: 'q', hints: { first: 'h' } } }])
      const { task, input } = z.object({ task: z.unknown(), input: z.unknown() }).parse(seen[0])
      expect(JSON.stringify([task, input])).not.toContain('secret-42')
    },
  )
})
