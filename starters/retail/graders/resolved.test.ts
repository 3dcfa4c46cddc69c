import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gradingOf, post, testApp, toolCall } from '../../../test/support/app.ts'
import { useDatabase } from '../../../test/support/database.ts'
import { startShop } from '../demo/start-shop.ts'

const database = useDatabase()
let shop: Awaited<ReturnType<typeof startShop>>
let app: ReturnType<typeof testApp>

beforeAll(async () => {
  shop = await startShop(database.url)
  app = testApp(database, shop.deps)
})
afterAll(() => shop.mails.close())

interface Labelled {
  readonly item: { readonly result: string }
  readonly answers: readonly {
    readonly output_text: string
    readonly label: number
    readonly trajectory: readonly { readonly tool: string; readonly arguments: unknown }[]
  }[]
}

const rows = readFileSync(new URL('resolved.items.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line): Labelled => JSON.parse(line))
const cases = rows.flatMap(({ item, answers }, row) =>
  answers.map((answer, at) => ({ id: `${row}-${at}`, name: `${item.result} (answer ${at + 1})`, item, answer })),
)

describe('the grader resolved', () => {
  it.each(cases)('scores as labelled: $name', async ({ id, item, answer }) => {
    for (const [at, { tool, arguments: args }] of answer.trajectory.entries()) {
      await post(app, '/tools', toolCall(tool, id, `call_${at}`, args, item))
    }
    const { body } = await post(app, '/grade', gradingOf(id, answer.output_text, item))
    expect(body.score).toBeCloseTo(answer.label, 9)
  })

  it('pays nothing for several result lines', async () => {
    const [first] = rows
    await post(app, '/tools', toolCall('get_order', 'many', 'one', { order_id: 'W1001' }, first?.item))
    const text = ['Result: cancelled W1001, refund 34.50', 'Result: refused W1001, shipped'].join('\n')
    expect((await post(app, '/grade', gradingOf('many', text, first?.item))).body.score).toBe(0)
  })
})
