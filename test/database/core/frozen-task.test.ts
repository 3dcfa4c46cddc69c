import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'
import { gradingOf, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

/** An environment whose schemas count how often they run, with a tool of each kind that changes its task on request. */
function countingEnvironment(asTask: (lines: string[]) => unknown = (lines) => lines) {
  const count = { task: 0, reference: 0 }
  const environment = defineEnvironment({
    task: z.object({ lines: z.array(z.string()) }).transform(({ lines }) => {
      count.task += 1
      return { lines, seen: asTask(lines) }
    }),
    reference: z.object({ answers: z.array(z.string()) }).transform((reference) => {
      count.reference += 1
      return reference
    }),
    state: z.object({}),
  })
  const work = { description: 'Works.', input: z.object({ change: z.boolean().default(false) }) }
  const run = ({
    task,
    input,
  }: {
    readonly task: { readonly lines: string[] }
    readonly input: { change: boolean }
  }) => {
    if (input.change) task.lines.push('changed')
    return task.lines.join()
  }
  const { defineTool, defineGrader, hooks } = environment
  const tools = [
    defineTool({ ...work, name: 'none', effects: 'none', run }),
    defineTool({ ...work, name: 'database', effects: 'database', run }),
    defineTool({ ...work, name: 'external', effects: 'external', run }),
  ]
  const graders = [
    defineGrader({
      ...{ name: 'strict', version: '1' },
      grade({ sample, reference }) {
        if (sample.output_text === 'change') reference.answers.push('changed')
        return reference.answers.length
      },
    }),
  ]
  return { count, tools, graders, hooks }
}

const kinds = ['none', 'database', 'external'] as const
const item = (n: number) => ({ lines: [`line ${n}`], answers: ['a'] })

describe('an item that arrives more than once', () => {
  it('is validated once for all tools and gradings of all its rollouts', async () => {
    const { count, tools, graders } = countingEnvironment()
    const app = testApp(database, { tools, graders })
    for (const rollout of ['one', 'two', 'three']) {
      for (const kind of kinds) await post(app, `/tools/${kind}`, toolCall(kind, rollout, kind, {}, item(1)))
      // The same item, written otherwise.
      await post(app, '/tools/none', toolCall('none', rollout, 'other', {}, { answers: ['a'], lines: ['line 1'] }))
      expect((await post(app, '/grade', gradingOf(rollout, 'x', item(1)))).status).toBe(200)
    }
    expect(count).toEqual({ task: 1, reference: 1 })
    await post(app, '/tools/none', toolCall('none', 'four', 'a', {}, item(2)))
    expect(count).toEqual({ task: 2, reference: 1 })
  })

  it('is validated each time if its task can change, and if it does not fit', async () => {
    const { count, tools } = countingEnvironment((lines) => new Map(lines.entries()))
    const app = testApp(database, { tools })
    const calls = [1, 2].map((n) => post(app, '/tools/none', toolCall('none', `map-${n}`, 'a', {}, item(3))))
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200])
    expect(count.task).toBe(2)
    const misfits = [1, 2].map((n) => post(app, '/tools/none', toolCall('none', `misfit-${n}`, 'a', {}, { lines: 5 })))
    expect((await Promise.all(misfits)).map(({ status }) => status)).toEqual([422, 422])
  })
})

describe.each([
  ['whose task is remembered', () => countingEnvironment()],
  ['whose task is not remembered', () => countingEnvironment((lines) => new Map(lines.entries()))],
])('an item %s', (name, makeEnvironment) => {
  it.each(kinds)("cannot be changed by a tool with effects: '%s', at its first call and later", async (kind) => {
    const { tools } = makeEnvironment()
    const app = testApp(database, { tools })
    for (const n of [1, 2]) {
      const call = toolCall(kind, `${name} ${kind} ${n}`, 'a', { change: true }, item(4))
      const { status, body } = await post(app, `/tools/${kind}`, call)
      expect([status, body.error?.code]).toEqual([500, 'tool_failed'])
    }
    const after = await post(app, `/tools/${kind}`, toolCall(kind, `${name} ${kind} 3`, 'a', {}, item(4)))
    expect(after.body.output).toBe('line 4')
  })

  it('cannot be changed by a grader', async () => {
    const { tools, graders } = makeEnvironment()
    const app = testApp(database, { tools, graders })
    for (const n of [1, 2]) {
      const { status } = await post(app, '/grade', gradingOf(`${name} grade ${n}`, 'change', item(5)))
      expect(status).toBe(500)
    }
    expect((await post(app, '/grade', gradingOf(`${name} grade 3`, 'x', item(5)))).body.score).toBe(1)
  })
})
