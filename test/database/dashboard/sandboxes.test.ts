import { beforeAll, expect, it } from 'vitest'
import { useDatabase } from '../../support/database.ts'
import { logIn, testDashboard } from '../../support/rollups/dashboard.ts'
import { recordHistory } from '../../support/rollups/history.ts'

const database = useDatabase()
const { sql } = database
const app = testDashboard(sql, { isOpen: false, hasSandboxes: true })

async function read(key: string, path = '/dashboard/sandboxes'): Promise<string> {
  return await (await app.request(path, { headers: await logIn(app, key) })).text()
}

/** The rows of the tables as texts, their cells separated by a bar. */
const rowsOf = (html: string): readonly string[] =>
  [...html.matchAll(/<tr data-row.*?<\/tr>/gs)].map(([row]) =>
    [...row.matchAll(/<td.*?<\/td>/gs)].map(([cell]) => cell.replace(/<[^>]*>/g, '').trim()).join(' | '),
  )

/** The figures by their names. */
const figuresOf = (html: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...html.matchAll(/<dt>(.*?)<\/dt><dd[^>]*>(.*?)<\/dd>/gs)].map(([, name, value]) => [name, value]),
  )

const numbers = new Map<string, number>()

beforeAll(async () => {
  const at = Date.now() - 600_000
  await recordHistory(sql, [
    ...['a', 'b', 'c', 'd'].map((item) => ({ run: 'exp-7', at, item })),
    { run: 'private', at, item: 'secret' },
  ])
  const found = await sql<{ number: number; question: string }[]>`
    select r.number::float8 as number, i.content ->> 'question' as question
    from rollouts r join items i on i.run = r.run and i.hash = r.item_hash`
  for (const { number, question } of found) numbers.set(question, number)
  const add = (run: string, item: string, name: string, more: Readonly<Record<string, unknown>>) => {
    const row = { run, rollout: numbers.get(item) ?? 999, name, provider: 'local', requested_at: new Date(at), ...more }
    return sql`insert into sandboxes ${sql(row)}`
  }
  await add('exp-7', 'a', 'shell', { status: 'open', host: 'node-1', opened_at: new Date(at + 2_500) })
  await add('exp-7', 'b', 'shell', { status: 'opening', requested_at: new Date(at + 1) })
  await add('exp-7', 'c', 'shell', { status: 'requested', requested_at: new Date(at + 2) })
  await add('exp-7', 'c', 'browser', {
    ...{ status: 'failed', cause: 'create_timeout', generation: 2, requested_at: new Date(at + 3) },
  })
  await add('exp-7', 'd', 'shell', { status: 'failed', cause: '<b>lost</b>', closed_at: new Date() })
  await add('exp-7', 'd', 'browser', { status: 'closed', closed_at: new Date() })
  await add('exp-7', 'gone', 'shell', { status: 'closing', closings: 3, cause: 'close_failed' })
  await add('private', 'secret', 'shell', { status: 'open', cause: null })
})

it('the page of sandboxes has those that may exist, the oldest first, each with a link to its rollout', async () => {
  const html = await read('key-of-all')
  expect(figuresOf(html)).toEqual({
    open: '2',
    opening: '1',
    queued: '1',
    'longest wait in the queue': '10 min',
    closing: '1',
    'failed, may still exist': '1',
  })
  const id = (item: string) => `trace_${numbers.get(item)}`
  expect(rowsOf(html).slice(0, 6)).toEqual([
    `${id('a')} | open | 10 min |  | shell | exp-7 | 2.5 s | local on node-1`,
    'number 999, deleted | closing | 10 min | close_failed closing failed 3 times | shell | exp-7 | – | local',
    `${id('secret')} | open | 10 min |  | shell | private | – | local`,
    `${id('b')} | opening | 10 min |  | shell | exp-7 | – | local`,
    `${id('c')} | queued | 10 min |  | shell | exp-7 | – | local`,
    `${id('c')} | failed | 10 min | create_timeout | browser (2) | exp-7 | – | local`,
  ])
  expect(html).toContain(`href="/dashboard/runs/exp-7/rollouts/${numbers.get('a')}"`)
})

it('the page of sandboxes counts failures by cause, those of closed sandboxes included, and shows text as text', async () => {
  const html = await read('key-of-all')
  const failures = rowsOf(html).slice(6)
  expect(failures.map((row) => row.split(' | ').slice(0, 3))).toEqual([
    ['&lt;b&gt;lost&lt;/b&gt;', '1', 'exp-7'],
    ['close_failed', '1', 'exp-7'],
    ['create_timeout', '1', 'exp-7'],
  ])
})

it('the page of sandboxes shows a key that is bound to runs those of these runs alone', async () => {
  const html = await read('key-of-exp')
  expect(figuresOf(html)['open']).toBe('1')
  expect(html).not.toContain('private')
  expect(html).not.toContain(`trace_${numbers.get('secret')}`)
  const anonymous = await app.request('/dashboard/sandboxes')
  expect(anonymous.status).toBe(401)
})

it('the navigation names the page only where the environment has sandboxes', async () => {
  const without = testDashboard(sql)
  const front = async (one: typeof app) => await (await one.request('/dashboard/alarms')).text()
  expect(await front(testDashboard(sql, { hasSandboxes: true }))).toContain('href="/dashboard/sandboxes"')
  expect(await front(without)).not.toContain('href="/dashboard/sandboxes"')
})
