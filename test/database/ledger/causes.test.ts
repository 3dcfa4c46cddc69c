import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createRedactor } from '../../../src/base/redact.ts'
import { defineTool, gate, post, testApp, toolCall, toolWith } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

const item = { question: 'of whom?', answer: 'the Sultan of Swing' }
const causeOf = async (rollout: string): Promise<unknown> => {
  const [row] = await database.sql`select outcome, code, cause from ledger.calls where rollout_id = ${rollout}`
  return row
}

describe('the cause of a failed call', () => {
  it.each(['none', 'database', 'external'] as const)(
    'is stored with the call without its item, arguments and secrets, with effects %s',
    async (effects) => {
      let isBroken = true
      const head = { name: 'fails', description: 'Fails.', input: z.object({ note: z.string() }) }
      const run = () => {
        if (!isBroken) return 'mended'
        const reason = new TypeError('no route for key-of-the-operator')
        throw new Error('a private note about the Sultan of Swing', { cause: reason })
      }
      const tool = toolWith(effects, { ...head, run })
      const app = testApp(database, { tools: [tool], redact: createRedactor(['key-of-the-operator']) })
      const rollout = `fails-${effects}`
      const call = toolCall('fails', rollout, 'a', { note: 'a private note' }, item)
      expect((await post(app, '/tools/fails', call)).body.error?.code).toBe('tool_failed')
      expect(await causeOf(rollout)).toEqual({
        outcome: 'failed',
        code: 'tool_failed',
        cause: {
          type: 'Error',
          message: '[…] about […]',
          stack: expect.stringContaining('causes.test.ts'),
          cause: {
            type: 'TypeError',
            message: 'no route for […]',
            stack: expect.stringContaining('causes.test.ts'),
          },
        },
      })
      isBroken = false
      expect((await post(app, '/tools/fails', call)).body.output).toBe('mended')
      expect(await causeOf(rollout)).toEqual({ outcome: 'ok', code: null, cause: null })
    },
  )

  it.each(['none', 'external'] as const)('names the timeout, with effects %s', async (effects) => {
    const held = gate()
    const head = { name: 'slow', description: 'Is slow.', input: z.object({}), timeoutSeconds: 0.05 }
    const run = () => held.pass().then(() => 'late')
    const tool = toolWith(effects, { ...head, run })
    const app = testApp(database, { tools: [tool] })
    expect((await post(app, '/tools/slow', toolCall('slow', `slow-${effects}`, 'a'))).status).toBe(504)
    expect(await causeOf(`slow-${effects}`)).toMatchObject({
      outcome: 'failed',
      code: 'tool_timed_out',
      cause: { type: 'RequestError', message: 'the tool "slow" took longer than 0.05 s' },
    })
    held.open()
  })

  it('is stored even if it has characters that Postgres cannot store', async () => {
    const tool = defineTool({
      name: 'odd',
      description: 'Fails oddly.',
      input: z.object({}),
      effects: 'none',
      run: () => {
        throw Object.assign(new Error('a \u0000 and a \ud800'), { name: 'Odd\u0000', code: 'E\u0000' })
      },
    })
    expect((await post(testApp(database, { tools: [tool] }), '/tools/odd', toolCall('odd', 'odd', 'a'))).status).toBe(
      500,
    )
    const cause = { type: 'Odd\uFFFD', message: 'a \uFFFD and a \uFFFD', code: 'E\uFFFD' }
    expect(await causeOf('odd')).toMatchObject({ outcome: 'failed', cause })
  })
})
