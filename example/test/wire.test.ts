import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { graders } from '../../graders/index.ts'
import { pages } from '../../schema/documents.ts'
import { environment } from '../../schema/environment.ts'
import {
  emptyAnswerSample,
  gradingSample,
  minimalGradingSample,
  toolCallSample,
} from '../../test/support/agent-rft/samples.ts'
import { post, testApp } from '../../test/support/app.ts'
import { useDatabase } from '../../test/support/database.ts'
import { tools } from '../../tools/index.ts'
import { finishCorpus } from '../corpus/finish.ts'

const database = useDatabase()

beforeAll(async () => {
  await database.db.insert(pages).values({
    ...{ path: 'QHBR/2012/page_4', company: 'QHBR', year: 2012, title: 'Quill Harbor 2012, page 4' },
    ...{ textBefore: 'The revenue of Quill Harbor rose in 2012.', textAfter: '' },
    tableRows: [
      ['', '2012', '2011'],
      ['revenue', '$ 117.5', '$ 100.0'],
    ],
  })
  await finishCorpus(database.db, { onProgress() {} })
})

const app = () => testApp(database, { tools, graders, budget: environment.budget })

const definition = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({
    name: z.string(),
    description: z.string().min(10),
    parameters: z.looseObject({
      type: z.literal('object'),
      properties: z.record(z.string(), z.looseObject({ type: z.literal('string') })),
      additionalProperties: z.literal(false),
    }),
  }),
})

describe('the example', () => {
  it('offers search, list and cat in the format of a dataset row’s tools', async () => {
    const listed = z.array(definition).parse(await (await app().request('/tools')).json())
    expect(listed.map(({ function: { name, parameters } }) => [name, Object.keys(parameters.properties)])).toEqual([
      ['search', ['query']],
      ['list', ['path']],
      ['cat', ['path']],
    ])
  })

  it('answers a call of every tool with text for any arguments', async () => {
    const odd = [
      {},
      { query: '' },
      { path: '' },
      { query: '?!' },
      { path: '../../etc' },
      { path: '%_\\', query: "';--" },
    ]
    const strange = [
      { query: '\u0000', path: '\u0000' },
      { query: '\ud800 x', path: '\ud800' },
      { path: '/'.repeat(5_000) },
    ]
    const long = [{ query: 'revenue of '.repeat(5_000) }, { path: 'x'.repeat(50_000) }]
    for (const { name } of tools) {
      for (const [n, args] of [...odd, ...strange, ...long].entries()) {
        const call = {
          ...toolCallSample.request,
          name,
          call_id: `${name}-${n}`,
          trace_id: `${name}-${n}`,
          arguments: args,
        }
        const { status, body } = await post(app(), '/tools', call)
        expect([name, args, status]).toEqual([name, args, 200])
        expect(body.output?.length).toBeGreaterThan(0)
        expect(body.output?.length).toBeLessThan(10_000)
      }
    }
  })

  it('takes a rollout from the question to the page to the score', async () => {
    const rollout = (name: string, args: unknown) =>
      post(app(), `/tools/${name}`, { ...toolCallSample.request, name, call_id: name, arguments: JSON.stringify(args) })
    expect((await rollout('search', { query: 'revenue of Quill Harbor' })).body.output).toContain('QHBR/2012/page_4')
    expect((await rollout('list', { path: 'QHBR/2012' })).body.output).toContain('page_4')
    expect((await rollout('cat', { path: 'QHBR/2012/page_4' })).body.output).toContain('117.5')
    const { score } = (await post(app(), '/grade', gradingSample)).body
    expect(score).toBeGreaterThanOrEqual(0.9)
  })

  it('grades samples in the shapes that trainers send', async () => {
    const scores = [gradingSample, emptyAnswerSample].map(async (shape) => (await post(app(), '/grade', shape)).body)
    expect(await Promise.all(scores)).toEqual([{ score: expect.any(Number) }, { score: 0 }])
    const { score = 0 } = (await post(app(), '/graders/finqa', gradingSample)).body
    expect(score).toBeGreaterThanOrEqual(0.9)
    expect((await post(app(), '/grade', minimalGradingSample)).body).toEqual({ score: 1 })
  })

  it('does not score an item without a label, and names the missing field', async () => {
    for (const item of [{}, { messages: [] }, { reference_answer: null }, { reference_answer: ' ' }]) {
      const { status, body } = await post(app(), '/grade', { ...gradingSample, item, trace_id: '' })
      expect([status, body.error?.code]).toEqual([422, 'item_misfit'])
      expect(body.error?.message).toContain('item.reference_answer')
    }
    for (const label of ['nan', '#REF!', '9'.repeat(100_000)]) {
      const item = { reference_answer: label }
      const { status, body } = await post(app(), '/grade', { ...gradingSample, item, trace_id: '' })
      expect([status, body.error?.code, body.error?.message]).toEqual([
        422,
        'item_misfit',
        expect.stringContaining('the item cannot be graded: the reference is'),
      ])
    }
  })
})

const shared = fileURLToPath(new URL('../../../shared/wire', import.meta.url))
const example = z.object({
  request: z.looseObject({}),
  status: z.number(),
  response: z.record(z.string(), z.unknown()),
})
const examples = (existsSync(shared) ? readdirSync(shared).filter((name) => name.endsWith('.json')) : []).flatMap(
  (name) => {
    const read = example.safeParse(JSON.parse(readFileSync(`${shared}/${name}`, 'utf8')))
    return read.success ? [{ name, ...read.data }] : []
  },
)
const own = [
  {
    name: 'a tool call',
    request: { ...toolCallSample.request, name: 'search' },
    status: 200,
    response: toolCallSample.response,
  },
  { name: 'a grading', request: gradingSample, status: 200, response: { score: 1 } },
  { name: 'a bare grading', request: minimalGradingSample, status: 200, response: { score: 1 } },
  { name: 'a grading of an empty answer', request: emptyAnswerSample, status: 200, response: { score: 0 } },
]

describe('an example of the wire', () => {
  it.each([...own, ...examples])('is answered as written: $name', async ({ request, status, response }) => {
    const isCall = 'call_id' in request
    const answer = await post(app(), isCall ? '/tools' : '/grade', request)
    expect([answer.status, Object.keys(JSON.parse(answer.text))]).toEqual([status, Object.keys(response)])
    if (isCall) expect(answer.body).toEqual({ ...response, output: expect.any(String) })
    else expect(answer.body.score).toBeCloseTo('score' in response ? Number(response.score) : Number.NaN, 0)
  })
})
