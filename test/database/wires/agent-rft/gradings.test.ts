import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { emptyAnswerSample, gradingSample, minimalGradingSample } from '../../../support/agent-rft/samples.ts'
import { defineGrader, defineTool, gradingOf, post, testApp, toolCall } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()

const exact = defineGrader({
  name: 'exact',
  version: '3',
  grade: ({ sample, reference }) => ({
    score: Number(sample.output_text === reference.answer),
    parts: { length: sample.output_text.length },
    reason: 'compared',
  }),
})
const half = defineGrader({ name: 'half', version: '1', grade: () => 0.5 })
const app = () => testApp(database, { graders: [{ ...exact, codeHash: 'abc123' }, half] })

const grades = (rollout: string) => database.sql`
  select grader, version, code_hash, source, outcome, score, parts, reason, code, sample from ledger.gradings
  where rollout_id = ${rollout} order by id`

describe('a grading', () => {
  it('is answered by the grader of its address, and at /grade by the first grader', async () => {
    const grading = gradingOf('addresses', 'x', { answer: 'x' })
    const texts = ['/grade', '/graders/exact', '/graders/half'].map(
      async (path) => (await post(app(), path, grading)).text,
    )
    expect(await Promise.all(texts)).toEqual(['{"score":1}', '{"score":1}', '{"score":0.5}'])
  })

  it('is answered with the score alone, and recorded with parts, reason and inputs', async () => {
    const { status, headers, text } = await post(app(), '/grade', gradingOf('recorded', 'abc', { answer: 'abc' }))
    expect([status, text, headers.get('x-rollout-id')]).toEqual([200, '{"score":1}', 'recorded'])
    const row = {
      grader: 'exact',
      version: '3',
      code_hash: 'abc123',
      source: 'trainer',
      outcome: 'scored',
      score: 1,
      code: null,
    }
    expect(await grades('recorded')).toMatchObject([{ ...row, parts: { length: 3 }, reason: 'compared' }])
  })

  it('accepts the shapes that trainers send', async () => {
    const shapes = [gradingSample, emptyAnswerSample, minimalGradingSample]
    for (const shape of shapes) {
      const { status, text } = await post(app(), '/graders/half', shape)
      expect([status, text]).toEqual([200, '{"score":0.5}'])
    }
  })

  it('gives the grader text and lists, even if parts of the sample are missing or null', async () => {
    const seen: unknown[] = []
    const spy = defineGrader({
      name: 'spy',
      version: '1',
      grade({ sample, trajectory, state }) {
        seen.push([sample.output_text, sample.output_tools, sample.choices, trajectory, state])
        return 0
      },
    })
    const replica = testApp(database, { graders: [spy] })
    const nothing = { output_text: null, output_tools: null, choices: null, output_json: null }
    for (const sample of [{ output_text: '' }, nothing, { output_text: '', more: { is: 'ignored' } }]) {
      expect((await post(replica, '/grade', { sample, item: null, trace_id: null })).text).toBe('{"score":0}')
    }
    expect(seen).toEqual(Array.from({ length: 3 }, () => ['', [], [], [], { notes: [] }]))
  })

  it.each([
    ['null', { output_text: null }],
    ['empty', { output_text: '' }],
    ['missing', {}],
  ])('whose output_text is %s grades what the first choice says', async (kind, sample) => {
    const contents = [
      '94',
      [
        { type: 'text', text: '9' },
        { type: 'output_text', text: '4' },
      ],
    ]
    for (const [n, content] of contents.entries()) {
      const choices = [{ message: { role: 'assistant', content } }, { message: { content: '95' } }]
      const rollout = `choice-${kind}-${n}`
      const grading = { sample: { ...sample, choices }, item: { answer: '94' }, trace_id: rollout }
      expect((await post(app(), '/grade', grading)).text).toBe('{"score":1}')
      expect(await grades(rollout)).toMatchObject([{ sample: { output_text: '94', choices } }])
    }
  })

  it('of a model that refused or only called tools grades an empty answer', async () => {
    const messages = [{ content: null, refusal: 'no' }, { content: null, tool_calls: [] }, { tool_calls: [] }]
    for (const [n, message] of messages.entries()) {
      const sample = { output_text: null, choices: [{ message }] }
      const grading = { sample, item: { answer: '' }, trace_id: `refusing-${n}` }
      expect((await post(app(), '/grade', grading)).text).toBe('{"score":1}')
    }
  })

  it('prefers the output_text over the choices', async () => {
    const sample = { output_text: '94', choices: [{ message: { content: '95' } }] }
    const grading = { sample, item: { answer: '94' }, trace_id: 'both' }
    expect((await post(app(), '/grade', grading)).text).toBe('{"score":1}')
  })

  it.each([
    ['no sample', {}],
    ['a sample that is null', { sample: null }],
    ['a sample that is text', { sample: 'x' }],
    ['a sample without an output_text', { sample: { output_tools: [] } }],
    ['an output_text that is a number', { sample: { output_text: 5 } }],
    ['a trace_id that is a list', { sample: {}, trace_id: [] }],
  ])('with %s is a 400 without a score', async (_, body) => {
    const answer = await post(app(), '/grade', body)
    expect([answer.status, Object.keys(answer.body), answer.body.error?.code]).toEqual([
      400,
      ['error'],
      'invalid_request',
    ])
  })

  it('without an output_text in the sample is rejected with the name of the field', async () => {
    const { body } = await post(app(), '/grade', { sample: { choices: [] }, trace_id: 'silent' })
    expect(body.error?.message).toBe(
      'the body does not fit: body.sample.output_text: is missing, must be a string or null',
    )
    expect(await database.sql`select from ledger.gradings where rollout_id = 'silent'`).toHaveLength(0)
  })

  it('with an invalid item is a 422 that names the field', async () => {
    const { status, body } = await post(app(), '/grade', gradingOf('misfit', 'x', { answer: { is: 'x' } }))
    expect([status, body.error?.code]).toEqual([422, 'item_misfit'])
    expect(body.error?.message).toContain('item.answer: was ')
  })

  it('by an unknown grader is a 404 that lists the graders', async () => {
    for (const path of ['/graders/none', '/graders/%00', `/graders/${'x'.repeat(63)}%F0%9F%98%80`]) {
      const { status, body, text } = await post(app(), path, gradingOf('unknown', 'x'))
      expect([status, body.error?.code]).toEqual([404, 'unknown_grader'])
      expect(body.error?.message).toContain('the graders are: exact, half')
      expect(text).not.toMatch(/\\ud/i)
    }
  })

  it('without an id gets a new rollout, whose id is in the answer', async () => {
    const { status, headers } = await post(app(), '/grade', { sample: { output_text: 'x' } })
    expect([status, headers.get('x-rollout-id')]).toEqual([200, expect.stringMatching(/^rollout_.{36}$/)])
  })

  it('waits for the calls: the grader sees them in order with arguments, outputs and the state', async () => {
    const note = defineTool({
      name: 'note',
      description: 'Notes.',
      input: z.object({ text: z.string() }),
      effects: 'database',
      run: ({ input, state }) => state.notes.push(input.text),
    })
    const seen: unknown[] = []
    const spy = defineGrader({
      name: 'spy',
      version: '1',
      grade({ trajectory, state }) {
        seen.push(
          trajectory.map(({ seq, tool, arguments: args, output, outcome }) => [seq, tool, args, output, outcome]),
        )
        seen.push(state)
        return 1
      },
    })
    const replica = testApp(database, { tools: [note], graders: [spy] })
    for (const text of ['a', 'b']) await post(replica, '/tools/note', toolCall('note', 'seen', text, { text }))
    await post(replica, '/tools/note', toolCall('note', 'seen', 'c', { text: 3 }))
    expect((await post(replica, '/grade', gradingOf('seen', 'x'))).body).toEqual({ score: 1 })
    expect(seen).toEqual([
      [
        [1, 'note', { text: 'a' }, '1', 'ok'],
        [2, 'note', { text: 'b' }, '2', 'ok'],
        [3, 'note', { text: 3 }, expect.stringMatching(/^invalid arguments: text/), 'refused'],
      ],
      { notes: ['a', 'b'] },
    ])
  })
})

describe('the promise of being graded once: a repeated grading', () => {
  const counting = () => {
    const runs = { count: 0 }
    const grade = () => {
      runs.count += 1
      return runs.count / 10
    }
    return { runs, replica: testApp(database, { graders: [defineGrader({ name: 'count', version: '1', grade })] }) }
  }

  it('gets the stored score, also from another replica and with another order of keys', async () => {
    const { runs, replica } = counting()
    const grading = { sample: { output_text: 'x', output_json: { a: 1, b: 2 } }, item: {}, trace_id: 'again' }
    const turned = { trace_id: 'again', item: {}, sample: { output_json: { b: 2, a: 1 }, output_text: 'x' } }
    for (const body of [grading, turned]) expect((await post(replica, '/grade', body)).text).toBe('{"score":0.1}')
    expect((await post(counting().replica, '/grade', grading)).text).toBe('{"score":0.1}')
    expect(runs.count).toBe(1)
    expect(await grades('again')).toHaveLength(1)
  })

  it('sent concurrently runs the grader once', async () => {
    const { runs, replica } = counting()
    const asked = Array.from({ length: 8 }, () => post(replica, '/grade', gradingOf('burst', 'x')))
    expect(new Set((await Promise.all(asked)).map(({ text }) => text))).toEqual(new Set(['{"score":0.1}']))
    expect(runs.count).toBe(1)
  })

  it('with another sample is a new grading, and both are kept', async () => {
    const { replica } = counting()
    const scores = []
    for (const output of ['x', 'y', 'x'])
      scores.push((await post(replica, '/grade', gradingOf('two', output))).body.score)
    expect(scores).toEqual([0.1, 0.2, 0.1])
    expect((await grades('two')).map(({ score, sample }) => [score, sample.output_text])).toEqual([
      [0.1, 'x'],
      [0.2, 'y'],
    ])
  })
})

describe('items', () => {
  it('are stored once by their content, independent of key order', async () => {
    const look = defineTool({ name: 'look', description: 'L.', input: z.object({}), effects: 'none', run: () => '' })
    const replica = testApp(database, { tools: [look], graders: [half] })
    const item = '{"question":"one of a kind","more":{"a":1,"b":[1.0,"\\u00e9"]}}'
    const turned = '{"more":{"b":[1,"é"],"a":1},"question":"one of a kind"}'
    for (const [n, text] of [item, turned].entries()) {
      await post(replica, '/tools/look', `{"trace_id":"group-${n}","item":${text}}`)
      await post(replica, '/grade', `{"trace_id":"group-${n}","item":${text},"sample":{"output_text":"x"}}`)
    }
    const rows = await database.sql`
      select count(distinct i.hash)::int as items, count(distinct r.id)::int as rollouts
      from items i join rollouts r on r.item_hash = i.hash where i.content->>'question' = 'one of a kind'`
    expect(rows[0]).toEqual({ items: 1, rollouts: 2 })
  })
})
