import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../../src/kit/define.ts'
import { gradingOf, post, testApp, toolCall } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { runs } from '../../../support/runs.ts'

const database = useDatabase()

const { defineTool, defineGrader } = defineEnvironment({
  task: z.object({ question: z.string().default('') }),
  reference: z.object({ answer: z.string().default('') }),
  state: z.object({}),
})
const ask = defineTool({
  ...{ name: 'ask', description: 'Asks.', input: z.looseObject({}) },
  effects: 'none',
  run: ({ task, input }) => `${task.question} ${Object.keys(input).join()}`,
})
const tools = [ask]
const graders = [
  defineGrader({
    name: 'same',
    version: '1',
    grade: ({ sample, reference }) => Number(sample.output_text === reference.answer),
  }),
]

const items = [
  '{"question":"a"}',
  '{"question":"b","answer":"1","more":"\\"item\\":{}"}',
  '{"id":12345678901234567890}',
  '{}',
]
const oneItem = fc.constantFrom(...items)
const field = fc.oneof(
  oneItem.map((item) => `"item":${item}`),
  oneItem.map((item) => `"item": \t${item} `),
  oneItem.map((item) => `"arguments":{"item":${item}}`),
  oneItem.map((item) => `"arguments":${JSON.stringify(`{"item":${item}}`)}`),
  oneItem.map((item) => `"\\u0069tem":${item}`),
  fc.constantFrom(
    '"item":null',
    '"item":7',
    '"arguments":"\\ud800"',
    '"arguments":{"a":1e400}',
    '"name":"x\\u0000"',
    '"id":5',
  ),
  fc.constantFrom(
    '"arguments":[]',
    '"call_id":{}',
    '"trace_id":9007199254740993',
    '"item":{"question":1}',
    '}',
    '"\xe9"',
  ),
)

describe('an item that arrived before', () => {
  it('changes no answer and no recorded hash, whatever else is in the body', async () => {
    const warm = testApp(database, { tools, graders })
    for (const item of items) await post(warm, '/tools/ask', `{"item":${item}}`)
    let rollouts = 0
    await fc.assert(
      fc.asyncProperty(fc.array(field, { maxLength: 4 }), fc.boolean(), async (fields, isLatin1) => {
        rollouts += 1
        const text = `{"trace_id":"t${rollouts}","call_id":"c",${fields.join(',')}}`
        const bytes = Uint8Array.from(Buffer.from(text, isLatin1 ? 'latin1' : 'utf8'))
        const answers: unknown[] = []
        for (const [run, app] of Object.entries({ warm, cold: testApp(database, { tools, graders }) })) {
          const response = await app.request('/tools/ask', { method: 'POST', headers: { 'x-run': run }, body: bytes })
          const rows = await database.sql`
            select r.item_hash, i.content, t.outcome, t.arguments, t.output from rollouts r
            join items i on i.run = r.run and i.hash = r.item_hash
            join tool_calls t on t.run = r.run and t.rollout = r.number
            where r.run = ${run} and r.id = ${`t${rollouts}`}`
          answers.push([response.status, await response.json(), rows.map((row) => ({ ...row }))])
        }
        expect(answers[0]).toEqual(answers[1])
      }),
      { numRuns: runs(100) },
    )
  }, 60_000)

  it('is the item of its gradings too', async () => {
    const app = testApp(database, { tools, graders })
    const [one, other] = [
      { question: 'q', answer: '7' },
      { question: 'q', answer: '8' },
    ]
    await post(app, '/tools/ask', toolCall('ask', 'first', 'c', {}, one))
    await post(app, '/tools/ask', toolCall('ask', 'second', 'c', {}, other))
    const scores = await Promise.all([
      post(app, '/grade', gradingOf('first', '7', one)),
      post(app, '/grade', gradingOf('second', '7', other)),
      post(app, '/grade', gradingOf('third', '8', other)),
    ])
    expect(scores.map(({ body }) => body.score)).toEqual([1, 0, 1])
  })
})
