import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ToolError } from '../../../../src/kit/errors.ts'
import { defineGrader, defineTool, gradingOf, post, testApp, toolCall } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()

const echo = defineTool({
  name: 'echo',
  description: 'Says its text.',
  input: z.looseObject({ text: z.string().default('') }),
  effects: 'none',
  run: ({ input }) => input.text,
})
const one = defineGrader({ name: 'one', version: '1', grade: () => 1 })
const app = () => testApp(database, { tools: [echo], graders: [one] })

describe('text that Postgres cannot store', () => {
  const bad = 'a\u0000b\ud800c'
  const good = 'a\ufffdb\ufffdc'

  it('is replaced in arguments, ids, items and outputs, both in storage and in answers', async () => {
    const item = { question: bad, [bad]: [bad, { [bad]: bad }] }
    const args = { text: bad, [bad]: bad }
    for (const [n, given] of [args, JSON.stringify(args)].entries()) {
      const call = { ...toolCall('echo', `${bad}${n}`, bad, {}, item), id: bad, arguments: given }
      const { status, body, text } = await post(app(), '/tools/echo', call)
      expect([status, body]).toEqual([200, { type: 'function_call_output', call_id: good, id: good, output: good }])
      const [row] = await database.sql`
        select t.call_id, t.arguments, t.output, i.content from ledger.calls t join rollouts r on r.id = t.rollout_id
        join items i on i.hash = r.item_hash where r.id = ${`${good}${n}`}`
      expect(row).toEqual({
        call_id: good,
        arguments: { text: good, [good]: good },
        output: good,
        content: { question: good, [good]: [good, { [good]: good }] },
      })
      const again = await post(app(), '/tools/echo', call)
      expect([again.text, again.headers.get('x-replayed')]).toEqual([text, 'true'])
    }
  })

  it('is replaced in a tool’s own output and errors', async () => {
    const head = { description: 'Says something bad.', input: z.object({}), effects: 'none' } as const
    const tools = [
      defineTool({ ...head, name: 'text', run: () => bad }),
      defineTool({ ...head, name: 'object', run: () => ({ bad }) }),
      defineTool({
        ...head,
        name: 'refusal',
        run() {
          throw new ToolError(bad)
        },
      }),
    ]
    const replica = testApp(database, { tools })
    const outputs = ['text', 'object', 'refusal'].map(async (name) => {
      const first = await post(replica, `/tools/${name}`, toolCall(name, 'own', name))
      const again = await post(replica, `/tools/${name}`, toolCall(name, 'own', name))
      expect(again.text).toBe(first.text)
      return first.body.output
    })
    expect(await Promise.all(outputs)).toEqual([good, JSON.stringify({ bad }), good])
  })

  it('is replaced in the state, and in the names of the parts of a score', async () => {
    const head = { description: 'Notes something bad.', input: z.object({}) }
    const tools = [
      defineTool({
        ...head,
        name: 'inside',
        effects: 'database',
        run: ({ state }) => state.notes.push(bad),
      }),
      defineTool({
        ...head,
        name: 'outside',
        effects: 'external',
        run({ updateState }) {
          updateState((state) => void state.notes.push(bad))
          return 'noted'
        },
      }),
    ]
    const graders = [defineGrader({ name: 'bad', version: '1', grade: () => ({ score: 1, parts: { [bad]: 1 } }) })]
    const replica = testApp(database, { tools, graders })
    for (const { name } of tools) {
      expect((await post(replica, `/tools/${name}`, toolCall(name, 'state', name))).status).toBe(200)
    }
    expect((await post(replica, '/grade', gradingOf('state', 'x'))).body).toEqual({ score: 1 })
    const [row] = await database.sql`
      select state, parts from rollouts r join ledger.gradings g on g.rollout_id = r.id where r.id = 'state'`
    expect(row).toEqual({ state: { notes: [good, good] }, parts: { [good]: 1 } })
  })

  it('is replaced in a grading', async () => {
    const grading = gradingOf(`${bad}-graded`, bad, { answer: bad, [bad]: 1 })
    const { status, body } = await post(app(), '/grade', grading)
    expect([status, body]).toEqual([200, { score: 1 }])
    const [row] = await database.sql`select sample from ledger.gradings where rollout_id = ${`${good}-graded`}`
    expect(row?.['sample']).toMatchObject({ output_text: good })
  })

  it('is not produced by truncation in the middle of a character', async () => {
    const strict = defineTool({
      name: 'strict',
      description: 'Strict.',
      input: z.strictObject({}),
      effects: 'none',
      run: () => '',
    })
    const replica = testApp(database, { tools: [echo, strict] })
    for (let pad = 0; pad < 4; pad += 1) {
      const args = [
        `${'x'.repeat(pad)}${'😀'.repeat(200)}`,
        JSON.stringify({ [`${'x'.repeat(pad)}${'😀'.repeat(200)}`]: 1 }),
      ]
      for (const given of args) {
        const { status, body } = await post(replica, '/tools/strict', { arguments: given, trace_id: 'halves' })
        expect([status, body.output?.isWellFormed()]).toEqual([200, true])
      }
      const name = `${'x'.repeat(60 + pad)}😀😀`
      const { status, text } = await post(replica, '/tools', { name, trace_id: 'halves', call_id: name })
      expect([status, /\\ud/i.test(text)]).toEqual([200, false])
    }
  })

  it('is not substituted for invalid UTF-8: the body is refused', async () => {
    const bytes = Buffer.concat([
      Buffer.from('{"arguments":{"text":"a'),
      Buffer.from([0xff, 0xed, 0xa0, 0x80]),
      Buffer.from('"}}'),
    ])
    const response = await app().request('/tools/echo', { method: 'POST', body: bytes })
    expect([response.status, await response.json()]).toMatchObject([400, { error: { code: 'invalid_encoding' } }])
  })
})

describe('keys with a special meaning in JavaScript', () => {
  it('are ordinary keys', async () => {
    const keys = '"__proto__":{"text":"x","polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1'
    const body = `{${keys},"arguments":{${keys}},"trace_id":"keys","call_id":"a","item":{${keys}}}`
    const { status } = await post(app(), '/tools/echo', body)
    expect(status).toBe(200)
    expect(
      (await post(app(), '/grade', `{${keys},"sample":{${keys},"output_text":"x"},"item":{${keys}}}`)).status,
    ).toBe(200)
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
    const [row] = await database.sql`
      select i.content from rollouts r join items i on i.hash = r.item_hash where r.id = 'keys'`
    expect(JSON.stringify(row?.['content'])).toContain('"__proto__":{"text":"x","polluted":1}')
  })
})
