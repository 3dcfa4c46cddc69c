import { hash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../../../src/server/auth/authenticate.ts'
import { defaultKeyHeaders } from '../../../../src/server/auth/settings.ts'
import { keepingLog, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { environment, note, rows, sums } from '../../../support/ors/arithmetic.ts'
import { orsClient } from '../../../support/ors/client.ts'

const database = useDatabase()
const log = keepingLog()
const parts = { tools: [note], graders: [sums], readItem: environment.readItem, submit: environment.submit, log }
const app = testApp(database, parts)
const first = { task_spec: rows[0] ?? {} }

describe('the runs of sessions', () => {
  it('are apart: a session of one is dead in another, and its task ids are unknown there', async () => {
    const [red, blue] = ['red', 'blue'].map((run) =>
      orsClient((path, init) => app.request(path, init), { base: `/runs/${run}/ors` }),
    )
    if (red === undefined || blue === undefined) throw new Error('there are two')
    const sid = await red.begin(first)
    const { taskId } = await red.call(sid, 'note', { text: 'a' })
    const dead = { status: 404, body: { detail: 'Active environment not found' } }
    expect(await blue.get('/prompt', sid)).toMatchObject(dead)
    const call = { name: 'note', input: { text: 'a' } }
    expect(await blue.post('/call', call, sid)).toMatchObject(dead)
    expect(await blue.post('/call', { name: 'submit', input: { answer: '4' } }, sid)).toMatchObject(dead)
    await blue.post('/delete', {}, sid)
    expect(await red.post('/ping', {}, sid)).toMatchObject({ status: 200 })
    // The same id in another run is another rollout.
    expect(await blue.post('/create', first, sid)).toMatchObject({ status: 200 })
    expect(await blue.stream('/call', { ...call, task_id: taskId }, sid)).toEqual([['error', 'unknown task_id']])
    expect((await blue.call(sid, 'note', { text: 'b' })).result).toMatchObject({
      output: { blocks: [{ text: 'note 1 on What is 2+2?' }] },
    })
    const counts = await database.sql`
      select run, count(*)::int as calls from ledger.calls where rollout_id = ${sid} group by run order by run`
    expect(counts.map((row) => ({ ...row }))).toEqual([
      { run: 'blue', calls: 1 },
      { run: 'red', calls: 1 },
    ])
  })
})

describe('the key and the secrets of a client', () => {
  const key = 'correct-horse-battery-staple'
  const reader = 'reader-horse-battery-staple'
  const authenticate = createAuthenticator({
    keys: [
      { name: 'trainer', scopes: ['tools', 'grade'], sha256: hash('sha256', key) },
      { name: 'tools', scopes: ['tools'], sha256: hash('sha256', reader) },
    ],
    keyHeaders: defaultKeyHeaders,
  })
  const locked = testApp(database, { ...parts, authenticate })
  const send = (path: string, init?: RequestInit) => locked.request(path, init)

  it('are a header of their own, and nothing is answered without a key but whether the server is up', async () => {
    const stranger = orsClient(send)
    expect(await stranger.get('/health')).toMatchObject({ status: 200 })
    for (const path of ['/list_environments', '/tools', '/version', '/splits', '/prompt']) {
      expect(await stranger.get(path, 'sid')).toMatchObject({ status: 401, body: { detail: expect.any(String) } })
    }
    for (const path of ['/create_session', '/create', '/call', '/ping', '/delete', '/tasks', '/task']) {
      expect(await stranger.post(path, {}, 'sid')).toMatchObject({ status: 401 })
    }
    const known = orsClient(send, { headers: { 'x-api-key': key } })
    const sid = await known.begin(first)
    expect((await known.call(sid, 'submit', { answer: '4' })).result).toMatchObject({ output: { reward: 1 } })
  })

  it('finish a rollout only with the scope of gradings', async () => {
    const limited = orsClient(send, { headers: { 'x-api-key': reader } })
    const sid = await limited.begin(first)
    expect((await limited.call(sid, 'note', { text: 'a' })).result.ok).toBe(true)
    expect(await limited.post('/call', { name: 'submit', input: { answer: '4' } }, sid)).toMatchObject({ status: 403 })
  })

  it('are neither logged nor stored', async () => {
    const secret = 'sk-very-secret-marker'
    const encoded = Buffer.from(JSON.stringify({ api_key: { value: secret } })).toString('base64')
    const client = orsClient(send, { headers: { 'x-api-key': key, 'x-secrets': encoded } })
    const secrets = { api_key: secret }
    const sid = await client.begin({ ...first, secrets })
    await client.call(sid, 'note', { text: 'a' })
    await client.call(sid, 'submit', { answer: 'unknown' })
    await client.post('/create', { ...first, secrets, env_name: 'other' }, sid)
    await client.post('/create', { ...first, secrets, split: 1 }, sid)
    await client.post('/call', { name: 'note', input: {}, secrets }, 'dead')
    await client.post('/delete', { secrets }, sid)
    const stored = await database.sql`
      select to_jsonb(r)::text as row from rollouts r union all select to_jsonb(i)::text from items i
      union all select to_jsonb(c)::text from tool_calls c union all select to_jsonb(g)::text from grades g`
    const seen = JSON.stringify([log.lines, stored.map(({ row }) => row)])
    expect(log.lines.length).toBeGreaterThan(2)
    for (const leaked of [secret, encoded, key]) expect(seen).not.toContain(leaked)
  })
})
