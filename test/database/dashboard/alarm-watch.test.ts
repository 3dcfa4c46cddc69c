import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createAlarmWatch } from '../../../src/dashboard/alarms/watch.ts'
import { addRefusals, readAlarms } from '../../../src/ledger/rollups/alarms.ts'
import { keepingLog } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { logIn, testDashboard } from '../../support/rollups/dashboard.ts'
import { foldAll, type RecordedRollout, recordHistory } from '../../support/rollups/history.ts'

const database = useDatabase()
const { sql } = database
const minute = 60_000

beforeEach(async () => {
  await sql`truncate runs, items, rollouts, tool_calls, grades, rollups, rollup_runs, rollup_groups, rollup_open, rollup_cursor,
    rollup_alarms, rollup_refusals`
})

const received: { readonly body: string; readonly signature: string | undefined }[] = []
let failures = 0
const receiver = createServer(async (request, response) => {
  const body = await textOf(request)
  failures -= 1
  if (failures >= 0) response.writeHead(503).end()
  else {
    const { 'x-scorekeeper-signature': signature } = request.headers
    received.push({ body, signature: typeof signature === 'string' ? signature : undefined })
    response.end('ok')
  }
})

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

async function receiverUrl(): Promise<string> {
  if (!receiver.listening) await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  const address = receiver.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://127.0.0.1:${address.port}/alarms`
}

afterEach(() => {
  received.length = 0
  receiver.close()
})

/** Bursts of 100 rollouts every five minutes; in the latest ones a third of the gradings fail. */
const outage = (bursts: number, failing: number): RecordedRollout[] =>
  Array.from({ length: bursts * 100 }, (_, n) => {
    const burst = Math.floor(n / 100)
    const isLost = burst >= bursts - failing && n % 3 === 0
    return {
      run: 'exp-7',
      at: Date.now() - (bursts - burst) * 5 * minute + (n % 100),
      item: `question ${n % 25}`,
      gradings: isLost ? [{ outcome: 'failed' as const }] : [{ score: (n % 4) / 4 }],
    }
  })

it('an outage begins one alarm on one replica, is logged, posted with a signature and shown, and ends once', async () => {
  await recordHistory(sql, outage(8, 6))
  await foldAll(sql)
  const url = await receiverUrl()
  failures = 1
  const logs = [keepingLog(), keepingLog()]
  const webhook = { url, secret: 'a secret of sixteen', publicUrl: 'https://tools.example.com/' }
  const watches = logs.map((log) =>
    createAlarmWatch({ sql: database.another(2).sql, log, trusted: undefined, webhook, everySeconds: 0 }),
  )
  for (let turns = 0; turns < 3; turns += 1) await Promise.all(watches.map((watch) => watch()))
  const lines = logs.flatMap(({ lines }) => lines).filter(({ facts }) => facts['alarm'] === 'no_score')
  expect(lines.map(({ level, message }) => [level, message.slice(0, 34)])).toEqual([
    ['error', 'alarm: Rollouts without a score: 3'],
  ])
  await expect.poll(() => received).toHaveLength(1)
  const [post] = received
  const told = JSON.parse(post?.body ?? '')
  expect(told).toMatchObject({ alarm: 'no_score', run: 'exp-7', level: 'page', state: 'lasts', ended: null })
  expect(told.text).toContain('https://tools.example.com/dashboard/runs/exp-7/rollouts?outcome=failed')
  const [, seconds = '', digest] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(post?.signature ?? '') ?? []
  expect(digest).toBe(createHmac('sha256', webhook.secret).update(`${seconds}.${post?.body}`).digest('hex'))

  const app = testDashboard(sql, { isOpen: false })
  const page = async (path: string, key = 'key-of-exp') =>
    (await app.request(path, { headers: await logIn(app, key) })).text()
  for (const path of ['/dashboard', '/dashboard/runs/exp-7', '/dashboard/alarms']) {
    expect(await page(path)).toContain('Rollouts without a score')
  }

  await sql`truncate rollups, rollup_runs, rollup_groups, rollup_cursor`
  await sql`update grades set outcome = 'scored', score = 0.5, code = null where outcome = 'failed'`
  await foldAll(sql)
  for (let turns = 0; turns < 2; turns += 1) await Promise.all(watches.map((watch) => watch()))
  await expect.poll(() => received.map(({ body }) => JSON.parse(body).state)).toEqual(['lasts', 'ended'])
  expect(await readAlarms(sql, 10)).toMatchObject([{ name: 'no_score', level: 'page' }])
})

it('a healthy run has no alarm', async () => {
  await recordHistory(sql, outage(8, 0))
  await foldAll(sql)
  await createAlarmWatch({ sql, log: keepingLog(), trusted: undefined, webhook: undefined })()
  expect(await readAlarms(sql, 10)).toEqual([])
})

it('refused keys and items that do not fit begin alarms of the server, which keys of all runs see', async () => {
  const now = Date.now()
  const watch = createAlarmWatch({ sql, log: keepingLog(), trusted: undefined, webhook: undefined })
  await addRefusals(
    sql,
    now - 2 * minute,
    new Map([
      ['invalid_token', 30],
      ['item_misfit', 60],
    ]),
  )
  await watch()
  const alarms = await readAlarms(sql, 10)
  expect(alarms.map(({ name, level }) => `${name} ${level}`).sort()).toEqual(['refused_keys warn', 'unfit_items page'])
  const app = testDashboard(sql, { isOpen: false })
  const frontOf = async (key: string) =>
    await (await app.request('/dashboard', { headers: await logIn(app, key) })).text()
  expect(await frontOf('key-of-all')).toContain('Keys are refused')
  expect(await frontOf('key-of-exp')).not.toContain('Keys are refused')
})

it('a few refused keys and items begin no alarm, and neither do many that have just come', async () => {
  const watch = createAlarmWatch({ sql, log: keepingLog(), trusted: undefined, webhook: undefined, everySeconds: 0 })
  const few = new Map([
    ['invalid_token', 19],
    ['item_misfit', 4],
    // Keys that cannot be checked are no fault of the trainer's.
    ['keys_unavailable', 500],
  ])
  await addRefusals(sql, Date.now() - 2 * minute, few)
  await watch()
  expect(await readAlarms(sql, 10)).toEqual([])
  // Not in the window that ended a minute ago.
  await addRefusals(sql, Date.now(), new Map([['invalid_token', 500]]))
  await watch()
  expect(await readAlarms(sql, 10)).toEqual([])
})

it('curves that are minutes behind begin an alarm, and curves that are up to date do not', async () => {
  const levelAt = async (behind: string) => {
    await sql`truncate rollup_alarms`
    await sql`update rollup_cursor set graded_at = now() - ${behind}::interval`
    await createAlarmWatch({ sql, log: keepingLog(), trusted: undefined, webhook: undefined })()
    return (await readAlarms(sql, 10)).map(({ name, level }) => `${name} ${level}`)
  }
  await foldAll(sql)
  expect(await levelAt('1 minute')).toEqual([])
  expect(await levelAt('4 minutes')).toEqual(['behind warn'])
  expect(await levelAt('20 minutes')).toEqual(['behind page'])
})

it('a judge that gives recorded answers other scores begins an alarm, and one that gives the same does not', async () => {
  const anchors = Array.from({ length: 25 }, (_, n) => ({
    run: 'anchors',
    at: Date.now() - minute + n,
    item: `${n}`,
    gradings: [{ score: 0.5 }],
  }))
  await recordHistory(sql, anchors)
  const regrade = (score: number) => sql`
    insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, duration_ms)
    select run, rollout, grader, ${`v${score}`}, 'regrade', sample_hash, sample, item_hash, 'scored', ${score}, 1 from grades where source = 'trainer'`
  await foldAll(sql)
  const watch = createAlarmWatch({ sql, log: keepingLog(), trusted: undefined, webhook: undefined, everySeconds: 0 })
  await regrade(0.5)
  await watch()
  expect(await readAlarms(sql, 10)).toEqual([])
  await regrade(0.6)
  await watch()
  expect((await readAlarms(sql, 10)).map(({ name, run }) => `${run} ${name}`)).toEqual(['anchors judge_drift'])
})
