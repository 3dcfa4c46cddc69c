import { once } from 'node:events'
import { serve } from '@hono/node-server'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { failureRead } from '../../../../src/wires/nemo-gym/response.ts'
import { gate, open, testApp, toolWith } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { called, heard, responseOf, rowOf, said } from '../../../support/nemo-gym/bodies.ts'
import { clientOf } from '../../../support/nemo-gym/client.ts'
import { graded, rewardOf } from '../../../support/nemo-gym/environment.ts'

const database = useDatabase()
const opened: { close(): unknown }[] = []
afterAll(() => opened.map((server) => server.close()))

type App = ReturnType<typeof testApp>

/** Serves replicas in turn on one port; `drops` says how many of the next answers to an address are never sent. */
async function listening(apps: readonly App[], drops: Map<string, number>) {
  let turn = 0
  const fetch = async (
    request: Request,
    { incoming }: { incoming: { socket: { destroy(): unknown } } },
  ): Promise<Response> => {
    const app = apps[turn++ % apps.length]
    const answer = await app?.fetch(request)
    const { pathname } = new URL(request.url)
    const left = drops.get(pathname) ?? 0
    drops.set(pathname, left - 1)
    if (left > 0) incoming.socket.destroy()
    return answer ?? new Response()
  }
  const server = serve({ fetch, hostname: '127.0.0.1', port: 0 })
  opened.push(server)
  await once(server, 'listening')
  return `http://127.0.0.1:${z.object({ port: z.number() }).parse(server.address()).port}`
}

/** A tool with these effects, and how often its effect happened. */
function counting(effects: 'none' | 'database' | 'external') {
  let effectsSeen = 0
  const run = () => `effect ${++effectsSeen}`
  const tool = toolWith(effects, { name: 'count', description: 'Counts.', input: z.object({}), run })
  return { tool, seen: () => effectsSeen }
}

describe('a client that repeats a request for as long as its answers are lost', () => {
  it.each(['database', 'external'] as const)(
    'causes the effect of a tool with effects %s once, on whichever replica, and reads the one answer',
    async (effects) => {
      const { tool, seen } = counting(effects)
      const apps = [1, 2].map(() => testApp(database, { tools: [tool], graders: [graded] }))
      const lost = [
        ['/nemo-gym/seed_session', 1],
        ['/nemo-gym/count', 3],
        ['/nemo-gym/verify', 2],
      ] as const
      const url = await listening(apps, new Map(lost))
      const client = clientOf((path, init) => fetch(`${url}/nemo-gym${path}`, init), 'latest')
      const row = rowOf(`lost ${effects}?`, 'yes')
      await client.post('/seed_session', row)
      const first = await client.post('/count', {})
      const second = await client.post('/count', {})
      expect([first.text, first.headers.get('x-replayed'), second.text, seen()]).toEqual([
        'effect 1',
        'true',
        'effect 2',
        2,
      ])
      const response = responseOf(called('count', {}), heard(first.text), called('count', {}), said('yes'))
      const verified = await client.post('/verify', { ...row, response })
      expect(rewardOf(verified.json)).toBe(12)
      const gradings = await database.sql`
        select from grades g join rollouts r on r.run = g.run and r.number = g.rollout
        where r.id = ${verified.headers.get('x-rollout-id')}`
      expect(gradings).toHaveLength(1)
    },
  )

  it('joins the call that still runs', async () => {
    const door = gate()
    let ran = 0
    const run = async () => {
      ran += 1
      await door.pass()
      return `ran ${ran}`
    }
    const tool = toolWith('external', { name: 'slow', description: 'Waits.', input: z.object({}), run })
    const url = await listening([testApp(database, { tools: [tool] })], new Map())
    const client = clientOf((path, init) => fetch(`${url}/nemo-gym${path}`, init), 'latest')
    await client.post('/seed_session', rowOf('still running?', 'yes'))
    const lost = new AbortController()
    const headers = { 'content-type': 'application/json', cookie: client.cookie() ?? '' }
    const sent = { method: 'POST', headers, body: '{}', signal: lost.signal }
    const first = fetch(`${url}/nemo-gym/slow`, sent).catch(() => 'lost')
    await door.reached
    lost.abort()
    expect(await first).toBe('lost')
    const again = client.post('/slow', {})
    door.open()
    expect([(await again).text, ran]).toEqual(['ran 1', 1])
  })
})

describe('a session whose database is unavailable', () => {
  it('is kept, whether its cookie was read or not', async () => {
    const { tool } = counting('external')
    const client = clientOf((path, init) => app.request(`/nemo-gym${path}`, init), 'latest')
    const app = testApp(database, { tools: [tool] })
    const row = rowOf('unavailable?', 'yes')
    await client.post('/seed_session', row)
    const cookie = client.cookie() ?? ''
    const closed = open('postgres://postgres@127.0.0.1:1/none')
    const other = testApp(closed, { tools: [tool], graders: [graded], limits: { answerSeconds: 2 } })
    const headers = { 'content-type': 'application/json', cookie }
    const refused = await other.request('/nemo-gym/count', { method: 'POST', headers, body: '{}' })
    expect([Math.floor(refused.status / 100), refused.headers.getSetCookie()]).toEqual([
      5,
      [`${cookie}; Path=/; HttpOnly`],
    ])
    expect(failureRead(responseOf(heard(await refused.text())))).toBeDefined()
    await closed.close()
  })
})
