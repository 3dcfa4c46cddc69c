import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createPythonRunner, findInterpreter } from '../../../../src/runtime/python/python-runner.ts'
import { defineGrader, defineTool, post, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()
const interpreter = await findInterpreter()

const id = '9007199254740993'
const other = '9007199254740992'

const takesId = defineTool({
  ...{ name: 'take', description: 'Takes an id.', input: z.object({ id: z.union([z.string(), z.number()]) }) },
  effects: 'none',
  run: ({ input }) => `took ${input.id}`,
})
const returnsIds = defineTool({
  ...{ name: 'ids', description: 'Reads ids.', input: z.object({}) },
  effects: 'none',
  run: async ({ db }) => (await db.execute(`select '[{"id":${id}}]'::jsonb as ids`))[0] ?? {},
})
const one = defineGrader({ name: 'one', version: '1', grade: () => 1 })
const app = () =>
  testApp(database, {
    tools: [takesId, returnsIds],
    graders: [one],
    runners: { python: createPythonRunner() },
  })

const grading = (rollout: string, sampleId: string, itemId: string) =>
  `{"trace_id":"${rollout}","sample":{"output_text":"x","output_json":{"id":${sampleId}}},"item":{"answer":"x","id":${itemId}}}`
const call = (rollout: string, args: string, name = 'take') =>
  `{"type":"function_call","call_id":"c","name":"${name}","arguments":${args},"trace_id":"${rollout}","item":{"id":${id}}}`

const run = async (grader: object, sampleId: string, itemId: string) => {
  const body = `{"grader":${JSON.stringify(grader)},"model_sample":"{\\"id\\":${sampleId}}","item":{"id":${itemId}}}`
  const { text } = await post(app(), '/v1/fine_tuning/alpha/graders/run', body)
  return z.looseObject({ reward: z.number() }).parse(JSON.parse(text)).reward
}

describe('an integer beyond 2^53', () => {
  it('is stored as it was sent, with the item, the sample and a refused call', async () => {
    expect((await post(app(), '/graders/one', grading('stored', id, other))).body.score).toBe(1)
    await post(app(), '/tools/take', call('refused', `{"id":${id}}`))
    const texts = await database.sql`
      select g.sample -> 'output_json' ->> 'id' as sample, i.content ->> 'id' as item
      from ledger.gradings g join rollouts r on r.id = g.rollout_id join items i on i.hash = r.item_hash where g.rollout_id = 'stored'`
    expect(texts).toEqual([{ sample: id, item: other }])
    const [refused] =
      await database.sql`select arguments::text as text, arguments from ledger.calls where rollout_id = 'refused'`
    expect(refused).toEqual({ text: `{"id": ${id}}`, arguments: { id: BigInt(id) } })
  })

  it('distinguishes two items, and two samples, that differ in the last digit', async () => {
    const first = await post(app(), '/graders/one', grading('items', id, id))
    const second = await post(app(), '/graders/one', grading('items', id, other))
    expect([first.status, second.status]).toEqual([200, 200])
    const attempts = await database.sql`select attempt from ledger.rollouts where rollout_id = 'items' order by attempt`
    expect(attempts.map((row) => row['attempt'])).toEqual([1, 2])
    await post(app(), '/graders/one', grading('samples', id, id))
    await post(app(), '/graders/one', grading('samples', other, id))
    expect(await database.sql`select 1 from ledger.gradings where rollout_id = 'samples'`).toHaveLength(2)
  })

  it('is refused as an argument with advice, also when it is retried', async () => {
    for (const args of [`{"id":${id}}`, `"{\\"id\\":${id}}"`]) {
      for (const _ of [1, 2]) {
        const { status, body } = await post(app(), '/tools/take', call(`argument ${args.length}`, args))
        expect(status).toBe(200)
        expect(body.output).toContain(`id is ${id}`)
        expect(body.output).toContain('send it as a string')
      }
    }
    expect((await post(app(), '/tools/take', call('as text', `{"id":"${id}"}`))).body.output).toBe(`took ${id}`)
    expect((await post(app(), '/tools/take', call('exact', `{"id":${other}}`))).body.output).toBe(`took ${other}`)
  })

  it('is returned by a tool as it is in the database', async () =>
    expect((await post(app(), '/tools/ids', call('output', '{}', 'ids'))).body.output).toBe(`{"ids":[{"id":${id}}]}`))

  it('is compared exactly by templates', async () => {
    const same = {
      ...{ type: 'string_check', name: 'same', operation: 'eq' },
      ...{ input: '{{sample.output_json.id}}', reference: '{{item.id}}' },
    }
    expect(await run(same, id, id)).toBe(1)
    expect(await run(same, id, other)).toBe(0)
    expect(await run(same, `-${id}`, `-${id}`)).toBe(1)
  })

  it.runIf(interpreter.found)('reaches Python exactly', async () => {
    const source = `def grade(sample, item):\n    return float(sample["output_json"]["id"] - item["id"])`
    const python = { type: 'python', name: 'difference', source }
    expect(await run(python, id, other)).toBe(1)
    expect(await run(python, id, id)).toBe(0)
  })

  it('is refused if the environment expects a number or a string, without being shown', async () => {
    const body = `{"trace_id":"label","sample":{"output_text":"x"},"item":{"answer":${id}}}`
    const { status, text } = await post(app(), '/graders/one', body)
    expect(status).toBe(422)
    expect(text).toContain('an integer that only a string holds exactly')
    expect(text).not.toContain(id)
  })
})
