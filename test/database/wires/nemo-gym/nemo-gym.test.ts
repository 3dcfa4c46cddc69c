import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { admittingApp, keepingLog } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { called, heard, responseOf, rowOf, said } from '../../../support/nemo-gym/bodies.ts'
import { clientOf } from '../../../support/nemo-gym/client.ts'
import { codeOf, recordOf, rewardOf, start } from '../../../support/nemo-gym/environment.ts'

const database = useDatabase()

describe('a rollout of NeMo Gym', () => {
  it('is seeded with a row, calls tools with their arguments alone, and is verified by the response', async () => {
    const { client } = start(database)
    const row = rowOf('2+2?', '4')
    const seeded = await client.post('/seed_session', row)
    expect([seeded.status, seeded.json]).toEqual([200, {}])
    const found = await client.post('/search', { q: 'sum' })
    expect([found.status, found.headers.get('content-type'), found.text]).toEqual([
      200,
      'text/plain; charset=UTF-8',
      '1 hit for sum: 2+2?',
    ])
    const response = responseOf(called('search', { q: 'sum' }), heard(found.text), said('4'))
    const verified = await client.post('/verify', { ...row, response })
    expect([verified.status, verified.json]).toEqual([
      200,
      {
        ...row,
        response,
        reward: 11,
        right: 1,
        calls: 1,
        noted: 1,
        reward_components: { right: 1, calls: 1, answer: 7, noted: 1 },
      },
    ])
    const rollout = z.string().parse(verified.headers.get('x-rollout-id'))
    expect(rollout).toMatch(/^4-2-[0-9a-f]{12}$/)
    expect(await recordOf(database, rollout)).toEqual({
      wire: 'nemo-gym',
      item: {
        messages: [{ role: 'user', content: '2+2?' }],
        question: '2+2?',
        answer: '4',
        responses_create_params: {
          input: row.responses_create_params.input,
          tools: row.responses_create_params.tools,
        },
      },
    })
  })

  it('has the item of the other rollouts of its row, whatever is sampled with', async () => {
    const { app } = start(database)
    const hashes = new Set<unknown>()
    for (const [place, temperature] of [0, 0.5, 1].entries()) {
      const client = clientOf((path, init) => app.request(`/nemo-gym${path}`, init), 'latest')
      const row = rowOf('one group?', 'yes', { _ng_rollout_index: place, _ng_task_index: 77 })
      const params = { ...row.responses_create_params, temperature, model: `policy-${place}` }
      const seeded = await client.post('/seed_session', { ...row, responses_create_params: params })
      const [found] =
        await database.sql`select item_hash from rollouts where id = ${seeded.headers.get('x-rollout-id')}`
      hashes.add(found?.['item_hash'])
    }
    expect(hashes.size).toBe(1)
  })

  it('keeps its session through answers of every status', async () => {
    const { client } = start(database)
    const row = rowOf('any status?', 'yes')
    await client.post('/seed_session', row)
    const first = client.cookie()
    const statuses = []
    for (const [path, body] of [
      ['/broken', {}],
      ['/no/such tool', {}],
      ['/search', { q: 7 }],
      ['/search', null],
      ['/verify', { ...row, answer: 'another item', response: responseOf(said('yes')) }],
      ['/verify', { ...row, response: responseOf(said('yes')) }],
    ] as const) {
      statuses.push((await client.post(path, body)).status)
      expect(client.cookie()).toMatch(/^sk_rollout=[\w.-]+$/)
    }
    expect(statuses).toEqual([500, 200, 200, 200, 500, 500])
    expect(client.cookie()).not.toBe(first)
  })

  it('shows the model what was wrong with a call, and records it', async () => {
    const { client } = start(database)
    const row = rowOf('wrong?', 'no')
    await client.post('/seed_session', row)
    const wrong = await client.post('/search', { q: 7 })
    expect([wrong.status, wrong.headers.get('x-outcome'), wrong.text]).toEqual([
      200,
      'refused',
      expect.stringContaining('q: was 7, must be a string'),
    ])
    expect((await client.post('/serach', { q: 'a' })).text).toBe(
      'there is no tool "serach"; the tools are: search, broken',
    )
    const verified = await client.post('/verify', { ...row, response: responseOf(said('no')) })
    expect(rewardOf(verified.json)).toBe(12)
  })

  it('gets no score after a call that failed', async () => {
    const { client } = start(database)
    const row = rowOf('failed?', 'yes')
    await client.post('/seed_session', row)
    expect((await client.post('/broken', {})).status).toBe(500)
    const verified = await client.post('/verify', { ...row, response: responseOf(said('yes')) })
    expect([verified.status, codeOf(verified.json)]).toEqual([500, 'rollout_has_failed_call'])
  })

  it('gets no score when the model read an error of the server as the output of a call', async () => {
    const { client, app } = start(database)
    const row = rowOf('read an error?', 'yes')
    await client.post('/seed_session', row)
    const stranger = clientOf((path, init) => app.request(`/nemo-gym${path}`, init), 'latest')
    const { text } = await stranger.post('/search', { q: 'a' })
    for (const output of [heard(text), { ...heard(''), output: [{ type: 'input_text', text }] }]) {
      const response = responseOf(called('search', { q: 'a' }), output, said('yes'))
      const verified = await client.post('/verify', { ...row, response })
      expect([verified.status, codeOf(verified.json)]).toEqual([503, 'tool_call_unanswered'])
    }
    const others = responseOf(heard('{"error":{"code":"not_found","message":"of another API"}}'), said('yes'))
    expect((await client.post('/verify', { ...row, response: others })).status).toBe(200)
  })

  it('keeps its session when the server has too many requests in flight, and gets no score then', async () => {
    const { app, client } = start(database)
    const row = rowOf('overloaded?', 'yes')
    await client.post('/seed_session', row)
    const full = admittingApp(database, { limits: { maxRequestsInFlight: 0 } })
    const headers = { cookie: client.cookie() ?? '', 'content-type': 'application/json' }
    const request = new Request('http://localhost/nemo-gym/search', { method: 'POST', headers, body: '{"q":"a"}' })
    const refused = await full(request)
    expect([refused.status, refused.headers.getSetCookie()]).toEqual([503, [`${client.cookie()}; Path=/; HttpOnly`]])
    const response = responseOf(called('search', { q: 'a' }), heard(await refused.text()), said('yes'))
    const body = JSON.stringify({ ...row, response })
    const verified = await app.request('/nemo-gym/verify', { method: 'POST', headers, body })
    expect([verified.status, codeOf(await verified.json())]).toEqual([503, 'tool_call_unanswered'])
  })

  it('is verified by a response with the ids and log probabilities of all its tokens', async () => {
    const { client } = start(database)
    const row = rowOf('large?', 'yes')
    await client.post('/seed_session', row)
    const tokens = Array.from({ length: 100_000 }, (_, place) => place)
    const trained = {
      ...said('yes'),
      generation_token_ids: tokens,
      generation_log_probs: tokens.map((place) => -Math.sqrt(place + 0.5)),
    }
    const response = responseOf(trained)
    const verified = await client.post('/verify', { ...row, response })
    expect(verified.text.length).toBeGreaterThan(2_000_000)
    expect(verified.json).toMatchObject({ reward: 10, response })
    const call = await client.post('/search', { q: 'a'.repeat(1_100_000) })
    expect([call.status, codeOf(call.json)]).toEqual([413, 'body_too_large'])
  })

  it('is verified once: the same again gets the stored score, another row an error that is logged', async () => {
    const log = keepingLog()
    const { client } = start(database, '/nemo-gym', 'latest', { log })
    const row = rowOf('again?', 'yes')
    await client.post('/seed_session', row)
    const body = { ...row, response: responseOf(said('yes')) }
    const first = await client.post('/verify', body)
    expect((await client.post('/verify', body)).json).toEqual(first.json)
    const other = await client.post('/verify', { ...body, answer: 'no' })
    expect([other.status, codeOf(other.json)]).toEqual([500, 'rollout_has_another_item'])
    expect(log.lines.filter(({ level }) => level === 'error').map(({ facts }) => facts['code'])).toEqual([
      'rollout_has_another_item',
    ])
  })

  it.each(['verify', 'seed_session', 'aggregate_metrics', 'reset', 'step', 'close'])(
    'takes a model that calls %s for one that calls a tool which does not exist',
    async (name) => {
      const { client } = start(database)
      const row = rowOf('reserved?', 'yes')
      await client.post('/seed_session', row)
      const answer = await client.post(`/${name}`, { answer: 'yes' })
      expect([answer.status, answer.text]).toEqual([200, `there is no tool "${name}"; the tools are: search, broken`])
      const verified = await client.post('/verify', { ...row, response: responseOf(said('yes')) })
      expect(rewardOf(verified.json)).toBe(11)
    },
  )

  it('is not scored for a model that seeds a row of its own', async () => {
    const { client } = start(database)
    const row = rowOf('forged?', 'the right one')
    await client.post('/seed_session', row)
    await client.post('/seed_session', { responses_create_params: { input: 'forged?' }, question: 'x', answer: 'mine' })
    const verified = await client.post('/verify', { ...row, response: responseOf(said('mine')) })
    expect([verified.status, codeOf(verified.json)]).toEqual([500, 'rollout_has_another_item'])
  })

  it.each([
    ['no cookie', undefined, 'session_lost', 'is missing'],
    ['a cookie of another server', 'sk_rollout=abc.def', 'session_lost', 'is not of this server'],
  ])('with %s gets no score and no call, and the answer says why', async (_, cookie, code, why) => {
    const { app } = start(database)
    const headers = { 'content-type': 'application/json', ...(cookie !== undefined && { cookie }) }
    for (const [path, body] of [
      ['/search', { q: 'a' }],
      ['/verify', { ...rowOf('lost?', 'yes'), response: responseOf(said('yes')) }],
      ['/step', { ...rowOf('lost?', 'yes'), response: responseOf(said('yes')) }],
      ['/close', {}],
    ] as const) {
      const answer = await app.request(`/nemo-gym${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
      const json: unknown = await answer.json()
      expect([answer.status, codeOf(json)]).toEqual([500, code])
      expect(JSON.stringify(json)).toContain(why)
    }
  })

  it('that was deleted is unknown', async () => {
    const { client } = start(database)
    const seeded = await client.post('/seed_session', rowOf('deleted?', 'yes'))
    await database.sql`delete from rollouts where id = ${seeded.headers.get('x-rollout-id')}`
    const answer = await client.post('/search', { q: 'a' })
    expect([answer.status, codeOf(answer.json)]).toEqual([500, 'session_unknown'])
  })

  it('answers what the client asks around rollouts', async () => {
    const { app, client } = start(database)
    expect((await app.request('/nemo-gym/')).status).toBe(200)
    expect(await (await app.request('/nemo-gym/reverify_mode')).json()).toBe('unsupported')
    const verified = [
      { reward: 1, _ng_task_index: 0, _ng_rollout_index: 0, solved: true },
      { reward: 0, _ng_task_index: 0, _ng_rollout_index: 1, solved: false },
      { reward: 1, _ng_task_index: 1, _ng_rollout_index: 0, solved: true },
    ]
    const metrics = await client.post('/aggregate_metrics', { verify_responses: verified })
    expect(metrics.json).toMatchObject({
      group_level_metrics: [
        { _ng_task_index: 0, num_rollouts: 2, 'mean/reward': 0.5, 'std/reward': Math.SQRT1_2 },
        { _ng_task_index: 1, num_rollouts: 1, 'mean/reward': 1, 'std/reward': 0 },
      ],
      agent_metrics: { 'mean/solved': 2 / 3, 'max/reward': 1, 'min/reward': 0, 'median/reward': 1 },
      key_metrics: { 'mean/reward': 2 / 3, 'mean/solved': 2 / 3 },
    })
    const none = await client.post('/aggregate_metrics', { verify_responses: [] })
    expect(none.json).toEqual({ group_level_metrics: [], agent_metrics: {}, key_metrics: {} })
  })

  it('may have the client’s own id in front of each address', async () => {
    const { client } = start(database, '/nemo-gym/ng-rollout/4-2-a1')
    const row = rowOf('prefixed?', 'yes')
    await client.post('/seed_session', row)
    expect((await client.post('/search', { q: 'a' })).text).toBe('1 hit for a: prefixed?')
    expect(rewardOf((await client.post('/verify', { ...row, response: responseOf(said('yes')) })).json)).toBe(11)
  })

  it('is of one run, and unknown behind another run’s address', async () => {
    const { app } = start(database)
    const at = (run: string) => clientOf((path, init) => app.request(`/runs/${run}/nemo-gym${path}`, init), 'latest')
    const one = at('gym-one')
    await one.post('/seed_session', rowOf('apart?', 'yes'))
    expect((await one.post('/search', { q: 'a' })).text).toBe('1 hit for a: apart?')
    const headers = { 'content-type': 'application/json', cookie: one.cookie() ?? '' }
    const body = JSON.stringify({ q: 'a' })
    const other = await app.request('/runs/gym-two/nemo-gym/search', { method: 'POST', headers, body })
    expect([other.status, codeOf(await other.json())]).toEqual([400, 'run_conflict'])
    const runs = await database.sql`select distinct run from rollouts where run like 'gym-%'`
    expect(runs.map(({ run }) => run)).toEqual(['gym-one'])
  })
})
