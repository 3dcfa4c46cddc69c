import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { called, responseOf, rowOf, said } from '../../../support/nemo-gym/bodies.ts'
import { codeOf, start } from '../../../support/nemo-gym/environment.ts'

const database = useDatabase()

const step = (row: object, id: string, ...output: readonly unknown[]) => ({
  ...row,
  response: responseOf(...output),
  _ng_step_request_id: id,
})

describe('a rollout in steps', () => {
  it('is reset with a row, makes the tool calls of each response, and is rewarded for its answer', async () => {
    const { client } = start(database)
    const row = rowOf('steps?', 'yes')
    const reset = await client.post('/reset', row)
    expect([reset.status, reset.json]).toEqual([
      200,
      { observation: null, info: { supports_step_idempotency: true, supports_explicit_close: true } },
    ])
    const calls = [called('search', { q: 'a' }, 'call_0'), called('search', { q: 7 }, 'call_1')]
    const first = await client.post('/step', step(row, 'one', said('I look it up.'), ...calls))
    expect(first.json).toEqual({
      observation: null,
      reward: 0,
      terminated: false,
      truncated: false,
      info: {
        tool_outputs: [
          { call_id: 'call_0', output: '1 hit for a: steps?' },
          { call_id: 'call_1', output: expect.stringContaining('was 7, must be a string') },
        ],
      },
    })
    const last = await client.post('/step', step(row, 'two', said('yes')))
    expect(last.json).toEqual({
      observation: null,
      reward: 12,
      terminated: true,
      truncated: false,
      info: { reward_components: { right: 1, calls: 2, answer: 7, noted: 1 } },
    })
  })

  it('takes a repeated step for the same step, and equal calls in another step for other calls', async () => {
    const { client } = start(database)
    const row = rowOf('repeated step?', 'yes')
    await client.post('/reset', row)
    const twice = [called('search', { q: 'a' }), called('search', { q: 'a' })]
    const outputs = async (id: string) => {
      const answer = await client.post('/step', step(row, id, ...twice))
      const outputs = z.object({ info: z.object({ tool_outputs: z.array(z.object({ output: z.string() })) }) })
      return outputs.parse(answer.json).info.tool_outputs.map(({ output }) => output[0])
    }
    expect([await outputs('one'), await outputs('one'), await outputs('two')]).toEqual([
      ['1', '2'],
      ['1', '2'],
      ['3', '4'],
    ])
    const last = step(row, 'last', said('yes'))
    expect((await client.post('/step', last)).json).toEqual((await client.post('/step', last)).json)
  })

  it('names its calls by the cookie when a step has no id', async () => {
    const { app, client } = start(database)
    const row = rowOf('no id?', 'yes')
    await client.post('/reset', row)
    const headers = { 'content-type': 'application/json', cookie: client.cookie() ?? '' }
    const body = JSON.stringify({ ...row, response: responseOf(called('search', { q: 'a' })) })
    const send = async () => await (await app.request('/nemo-gym/step', { method: 'POST', headers, body })).json()
    const first: unknown = await send()
    expect(await send()).toEqual(first)
    await client.post('/step', { ...row, response: responseOf(called('search', { q: 'b' })) })
    expect(JSON.stringify(first)).toContain('1 hit for a')
  })

  it('fails the step of a call that failed, so that the client discards the rollout', async () => {
    const { client } = start(database)
    const row = rowOf('failed step?', 'yes')
    await client.post('/reset', row)
    expect((await client.post('/step', step(row, 'one', called('broken', {})))).status).toBe(500)
    const last = await client.post('/step', step(row, 'two', said('yes')))
    expect([last.status, codeOf(last.json)]).toEqual([500, 'rollout_has_failed_call'])
  })

  it('is cut off by a response that is incomplete, whose calls are not made', async () => {
    const { client } = start(database)
    const row = rowOf('cut off?', 'yes')
    await client.post('/reset', row)
    const response = {
      ...responseOf(called('search', { q: 'a' })),
      incomplete_details: { reason: 'max_output_tokens' },
    }
    const answer = await client.post('/step', { ...row, response, _ng_step_request_id: 'one' })
    expect(answer.json).toMatchObject({ reward: 0, terminated: false, truncated: true })
  })

  it('ends when it is closed, once or again, and takes no further step', async () => {
    const ended: string[] = []
    const end = async ({ outcome }: { outcome: string }) => void ended.push(outcome)
    const { client } = start(database, '/nemo-gym', 'latest', { hooks: { end } })
    const row = rowOf('closed?', 'yes')
    await client.post('/reset', row)
    await client.post('/step', step(row, 'one', called('search', { q: 'a' })))
    const closed = [await client.post('/close', {}), await client.post('/close', {})]
    expect(closed.map(({ status, json }) => [status, json])).toEqual([
      [200, {}],
      [200, {}],
    ])
    expect(ended).toEqual(['closed'])
    const late = await client.post('/step', step(row, 'two', called('search', { q: 'a' })))
    expect([late.status, codeOf(late.json)]).toEqual([409, 'rollout_ended'])
  })

  it('refuses a step with another row', async () => {
    const { client } = start(database)
    await client.post('/reset', rowOf('mine?', 'yes'))
    const other = await client.post('/step', step(rowOf('yours?', 'yes'), 'one', said('yes')))
    expect([other.status, codeOf(other.json)]).toEqual([500, 'rollout_has_another_item'])
  })

  it('leaves the names of its addresses to tools of the other protocol', async () => {
    const close = defineTool({
      name: 'close',
      description: 'Closes a window.',
      input: z.object({}),
      effects: 'none',
      run: () => 'closed the window',
    })
    const { client } = start(database, '/nemo-gym', 'latest', { tools: [close] })
    await client.post('/seed_session', rowOf('a window?', 'yes'))
    expect((await client.post('/close', {})).text).toBe('closed the window')
    expect(() => testApp(database, { tools: [close] })).not.toThrow()
  })
})
