import { expect, it } from 'vitest'
import { z } from 'zod'
import { createTurns } from '../../../../src/base/turns.ts'
import { defineEnvironment } from '../../../../src/kit/define.ts'
import { gradingOf, post, testApp, toolCall } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()

/** Counts the turns of the event loop, in each of which waiting requests such as /healthz are answered. */
function countTurns() {
  const count = { turns: 0, isCounting: true }
  const next = () => {
    count.turns += 1
    if (count.isCounting) setImmediate(next)
  }
  setImmediate(next)
  return count
}

const largeItem = (n: number) =>
  Object.fromEntries(Array.from({ length: 60_000 }, (_, key) => [`k${(key * 7_919 + n) % 60_000}`, n]))

it('eight items of 60,000 keys that arrive together are each parsed, hashed and validated in separate turns', async () => {
  const count = countTurns()
  const validatedIn: number[] = []
  const { defineTool, defineGrader } = defineEnvironment({
    task: z.object({}).refine(() => validatedIn.push(count.turns)),
    reference: z.object({}),
    state: z.object({}),
  })
  const look = defineTool({
    ...{ name: 'look', description: 'Looks.', input: z.object({}) },
    effects: 'none',
    run: () => 'seen',
  })
  const app = testApp(database, {
    tools: [look],
    graders: [defineGrader({ name: 'one', version: '1', grade: () => 1 })],
  })
  const send = {
    calls: (n: number) => post(app, '/tools/look', toolCall('look', `large-call-${n}`, 'a', {}, largeItem(n))),
    gradings: (n: number) => post(app, '/grade', gradingOf(`large-grading-${n}`, 'x', largeItem(n + 8))),
  }
  for (const [kind, one] of Object.entries(send)) {
    validatedIn.length = 0
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => one(n)))
    expect([kind, ...answers.map(({ status }) => status)]).toEqual([kind, ...Array.from({ length: 8 }, () => 200)])
    const between = validatedIn.slice(1).map((turn, n) => turn - (validatedIn[n] ?? 0))
    expect(between.filter((turns) => turns >= 1)).toHaveLength(7)
  }
  count.isCounting = false
}, 60_000)

it('large pieces of work run one per turn of the event loop, in order of arrival; small ones at once', async () => {
  const turns = createTurns()
  expect(turns.take(1_000)).toBeUndefined()
  const order: string[] = []
  const pieces = ['a', 'b', 'c'].map(async (name) => {
    await turns.take(1_000_000)
    order.push(name)
    setImmediate(() => order.push(`after ${name}`))
  })
  await Promise.all(pieces)
  expect(order).toEqual(['a', 'after a', 'b', 'after b', 'c'])
})
