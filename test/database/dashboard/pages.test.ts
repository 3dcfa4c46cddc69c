import { beforeAll, describe, expect, it } from 'vitest'
import { rolloutAddress } from '../../../src/dashboard/components/links.ts'
import { writeAlarms } from '../../../src/ledger/rollups/alarms.ts'
import { useDatabase } from '../../support/database.ts'
import { logIn, testDashboard } from '../../support/rollups/dashboard.ts'
import { foldAll, recordHistory } from '../../support/rollups/history.ts'

const database = useDatabase()
const { sql } = database
const open = testDashboard(sql)
const closed = testDashboard(sql, { isOpen: false })

const start = Date.now() - 3_600_000
const hostile = `<script>alert(1)</script><img src=x onerror=alert(2)>\u202eback\u202c\u200b"'&amp;`

async function read(path: string, headers: Record<string, string> = {}, app = open) {
  const response = await app.request(path, { headers })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

beforeAll(async () => {
  await recordHistory(sql, [
    ...Array.from({ length: 120 }, (_, n) => ({
      run: 'exp-7',
      at: start + Math.floor(n / 40) * 600_000 + n * 10,
      item: `question ${n % 10}`,
      calls: [{ output: n === 0 ? hostile : 'a page' }, { tool: 'note', ms: n }],
      gradings: [
        { score: (n % 5) / 4, parts: { answer: n % 2, [hostile]: 1 }, answer: n === 0 ? hostile : `answer ${n}` },
      ],
    })),
    { run: 'exp-7', at: start + 1, item: hostile, calls: [{ outcome: 'failed' as const, code: 'tool_failed' }] },
    { run: 'private', at: start, item: 'secret', gradings: [{ outcome: 'failed' as const }] },
  ])
  await sql`update rollouts set id = ${`${hostile}`} where number = (select min(number) from rollouts where run = 'exp-7')`
  await foldAll(sql)
})

const numbers = async (run: string) =>
  (
    await sql<{ number: number }[]>`select number::float8 as number from rollouts where run = ${run} order by number`
  ).map(({ number }) => number)

describe('the pages', () => {
  it('list runs, the curves of a run, its rollouts and its items', async () => {
    expect((await read('/dashboard')).text).toContain('/dashboard/runs/exp-7')
    const run = await read('/dashboard/runs/exp-7')
    expect(run.status).toBe(200)
    expect(run.text).toContain('121 rollouts in 3 bursts')
    const curves = JSON.parse((await read('/dashboard/runs/exp-7/curves.json?by=burst')).text)
    const columns = new Map(
      curves.columns.map((column: { name: string; values: unknown }) => [column.name, column.values]),
    )
    expect(columns.get('rollouts')).toEqual([41, 40, 40])
    expect(columns.get('reward_mean')).toEqual([0.5, 0.5, 0.5])
    expect(columns.get('part:answer')).toEqual([0.5, 0.5, 0.5])
    const csv = (await read('/dashboard/runs/exp-7/curves.csv?by=burst')).text.split('\n')
    expect(csv).toHaveLength(5)
    expect(csv[0]).toMatch(/^bucket,began_at,/)
    expect((await read('/dashboard/runs/exp-7/items')).text).toContain('question 3')
    expect((await read('/dashboard/runs/exp-7/rollouts')).text).toContain('50 shown')
  })

  it('page through all rollouts, each once', async () => {
    const seen: string[] = []
    for (let path: string | undefined = '/dashboard/runs/exp-7/rollouts'; path !== undefined; ) {
      const { text } = await read(path)
      seen.push(...[...text.matchAll(/runs\/exp-7\/rollouts\/(\d+)/g)].map(([, number = '']) => number))
      path = /href="([^"]*before=[^"]*)">older/.exec(text)?.[1]?.replaceAll('&amp;', '&')
    }
    expect(seen.map(Number)).toEqual((await numbers('exp-7')).reverse())
  })

  it.each([
    ['outcome=open', 1],
    ['outcome=scored&min=1', 24],
    ['part=answer%3C0.5&max=0', 12],
    ['tool=note&seconds=0.5&min=0.99', 24],
    ['code=tool_failed', 1],
    ['failed=1', 1],
    ['text=ANSWER+11', 11],
    ['sort=best&min=0.9', 24],
    [`from=${start + 600_000}&to=${start + 900_000}`, 40],
    ['text=nothing+like+this', 0],
    ['min=none&sort=sideways&outcome=lost&before=x', 50],
  ])('filter rollouts by %s', async (query, count) => {
    const { text, status } = await read(`/dashboard/runs/exp-7/rollouts?${query}`)
    expect(status).toBe(200)
    expect([...text.matchAll(/<tr data-row/g)]).toHaveLength(count)
  })

  it('show a rollout with its calls, its gradings and its group', async () => {
    const [, second = 0] = await numbers('exp-7')
    const { text, status } = await read(`/dashboard/runs/exp-7/rollouts/${second}`)
    expect(status).toBe(200)
    expect(text).toContain('question 1')
    expect(text).toContain('answer 1')
    expect(text).toContain('Its group')
    const other = (await numbers('exp-7'))[11]
    expect((await read(`/dashboard/runs/exp-7/rollouts/${second}?with=${other}`)).text).toContain('Two rollouts')
    const report = JSON.parse((await read(`/dashboard/runs/exp-7/rollouts/${second}.json`)).text)
    expect(report.calls).toHaveLength(2)
    expect((await read('/dashboard/runs/exp-7/rollouts/999999')).status).toBe(404)
  })

  it('find a rollout by the id that its trainer has, the latest attempt or an earlier one', async () => {
    const [, second = 0] = await numbers('exp-7')
    const at = async (query: string, run = 'exp-7') => {
      const { status, headers } = await read(`/dashboard/runs/${run}/rollout?${query}`)
      return [status, headers.get('location')]
    }
    const id = `trace_${second}`
    expect(await at(`id=${id}`)).toEqual([302, `/dashboard/runs/exp-7/rollouts/${second}`])
    expect(await at(`id=${id}&attempt=1`)).toEqual([302, `/dashboard/runs/exp-7/rollouts/${second}`])
    expect((await at(`id=${id}&attempt=2`))[0]).toBe(404)
    expect((await at(`id=${id}`, 'private'))[0]).toBe(404)
    const address = new URL(rolloutAddress('https://tools.example.com', { run: 'exp-7', rollout: hostile }))
    const [first] = await numbers('exp-7')
    expect(await at(address.search.slice(1))).toEqual([302, `/dashboard/runs/exp-7/rollouts/${first}`])
  })

  it('show hostile content as text', async () => {
    const [first = 0] = await numbers('exp-7')
    const pages = [
      '/dashboard',
      '/dashboard/live',
      '/dashboard/alarms',
      '/dashboard/sandboxes',
      '/dashboard/health',
      '/dashboard/runs/exp-7',
    ]
    const more = [
      '/rollouts?sort=worst',
      '/rollouts?text=script',
      '/items',
      `/rollouts/${first}`,
      `/rollouts/${first}?with=${first}`,
    ]
    for (const path of [...pages, ...more.map((end) => `/dashboard/runs/exp-7${end}`)]) {
      const { text, status, headers } = await read(path)
      expect([path, status]).toEqual([path, 200])
      expect(text).not.toContain('<script>')
      expect(text).not.toContain('<img')
      expect(text).not.toMatch(/[\u202e\u200b]/)
      expect(text.replaceAll(/"[^"]*"/g, '""')).not.toMatch(/<[^>]* (?:style|on\w+)=/)
      expect(headers.get('content-security-policy')).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self';/,
      )
    }
    const output = await read(`/dashboard/runs/exp-7/rollouts/${first}/calls/1/output`)
    expect(output.text).toBe(hostile)
    expect(output.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(output.headers.get('x-content-type-options')).toBe('nosniff')
  })
})

describe('a viewer', () => {
  const pages = [
    '',
    '/live',
    '/live/events',
    '/alarms',
    '/sandboxes',
    '/health',
    '/runs/exp-7',
    '/runs/exp-7/curves.json',
    '/runs/exp-7/rollouts/1.json',
  ]

  it.each(pages)('without a session sees nothing of %s', async (page) => {
    const { status, text } = await read(`/dashboard${page}`, {}, closed)
    expect(status).toBe(401)
    expect(text).toContain('name="key"')
    expect(text).not.toContain('question')
  })

  it('logs in with a key, and out', async () => {
    const cookie = await logIn(closed, 'key-of-all')
    expect((await read('/dashboard', cookie, closed)).text).toContain('exp-7')
    const out = await closed.request('/dashboard/logout', {
      method: 'POST',
      headers: { ...cookie, 'sec-fetch-site': 'same-origin' },
    })
    expect(out.headers.get('set-cookie')).toContain('Max-Age=0')
  })

  it('gets a cookie that scripts and other sites cannot use, and that a browser sends to the dashboard alone', async () => {
    const response = await closed.request('/dashboard/login', {
      method: 'POST',
      headers: {
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/x-www-form-urlencoded',
        'x-forwarded-proto': 'https',
      },
      body: 'key=key-of-all&next=https://evil.example/',
    })
    expect(response.headers.get('set-cookie')).toMatch(/; Path=\/dashboard; HttpOnly; Secure; SameSite=Strict$/)
    expect(response.headers.get('location')).toBe('/dashboard')
  })

  it('is refused with a wrong key, a session of another installation, and one from before the keys changed', async () => {
    expect((await logIn(closed, 'wrong')).cookie).toBe('')
    const cookie = await logIn(closed, 'key-of-all')
    const others = [{ signingKey: async () => new Uint8Array(32).fill(1) }, { keys: ['another'] }]
    for (const settings of others) {
      const app = testDashboard(sql, { isOpen: false, ...settings })
      expect((await read('/dashboard', cookie, app)).status).toBe(401)
    }
    expect((await read('/dashboard', { cookie: `${cookie.cookie}x` }, closed)).status).toBe(401)
  })

  it('with a key that is bound to runs sees these runs alone', async () => {
    const cookie = await logIn(closed, 'key-of-exp')
    const front = await read('/dashboard', cookie, closed)
    expect(front.text).toContain('exp-7')
    expect(front.text).not.toContain('private')
    const [number = 0] = await numbers('private')
    for (const end of ['', '/curves.json', '/rollouts', `/rollouts/${number}`, `/rollouts/${number}.json`, '/items']) {
      const { status, text } = await read(`/dashboard/runs/private${end}`, cookie, closed)
      expect([end, status]).toEqual([end, 404])
      expect(text).not.toContain('secret')
    }
    expect((await read(`/dashboard/runs/exp-7/rollouts/${number}`, cookie, closed)).status).toBe(404)
    expect((await read('/dashboard/runs/exp-7?with=private', cookie, closed)).text).not.toContain('private')
  })

  it('with a key that is bound to runs sees the alarms of these runs alone, however many others there are', async () => {
    const now = Date.now()
    const alarm = (run: string, name: string, seen: string, since = now) =>
      ({ run, name, level: 'page', seen, since, updated_at: now, ended_at: null }) as const
    await writeAlarms(sql, [
      alarm('exp-7', 'no_score', 'three of the own rollouts', now - 60_000),
      alarm('', 'refused_keys', '412 requests of others'),
      ...Array.from({ length: 600 }, (_, n) => alarm('private', 'no_score', 'the other run', now - n)),
    ])
    const [bound, all] = [await logIn(closed, 'key-of-exp'), await logIn(closed, 'key-of-all')]
    for (const path of ['/dashboard', '/dashboard/alarms', '/dashboard/health', '/dashboard/runs/exp-7']) {
      const { text } = await read(path, bound, closed)
      expect([path, text]).toEqual([path, expect.stringContaining('three of the own rollouts')])
      expect(text).not.toMatch(/412 requests|the other run|private/)
    }
    const { text } = await read('/dashboard/alarms', all, closed)
    expect(text).toContain('412 requests of others')
    expect(text).toContain('the other run')
    await sql`delete from rollup_alarms`
  })

  it('without the scope of graders does not see the reference of an item', async () => {
    const [, number = 0] = await numbers('exp-7')
    const cookie = await logIn(closed, 'key-of-exp')
    const page = `/dashboard/runs/exp-7/rollouts/${number}`
    expect((await read(page, cookie, closed)).text).not.toContain('question 1')
    expect((await read(`${page}.json`, cookie, closed)).text).not.toContain('question 1')
    const all = await logIn(closed, 'key-of-all')
    expect((await read(page, all, closed)).text).toContain('question 1')
  })

  it('who follows a link of another site comes to the page with the session that they have', async () => {
    const cookie = await logIn(closed, 'key-of-all')
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
    // The browser sends no cookie with it, and then asks once more from the page that it got.
    const first = await read('/dashboard/runs/exp-7', link, closed)
    expect(first.status).toBe(200)
    expect(first.text).toContain('<meta http-equiv="refresh" content="0"')
    expect(first.text).not.toContain('121 rollouts')
    const again = { ...link, 'sec-fetch-site': 'same-origin' }
    expect((await read('/dashboard/runs/exp-7', { ...again, ...cookie }, closed)).text).toContain('121 rollouts')
    expect((await read('/dashboard/runs/exp-7', again, closed)).text).toContain('name="key"')
  })

  it.each([
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    {},
  ])('cannot be made to send a form by another site: %o', async (headers) => {
    for (const path of ['/dashboard/login', '/dashboard/logout', '/dashboard/runs/exp-7/rollouts/1/grade']) {
      const response = await closed.request(path, { method: 'POST', headers: { host: 'localhost', ...headers } })
      expect([path, response.status]).toEqual([path, 400])
    }
  })
})
