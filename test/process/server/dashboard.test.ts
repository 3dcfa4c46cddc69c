import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openDatabase } from '../../../src/postgres/database.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { type RecordedRollout, recordHistory } from '../../support/rollups/history.ts'
import { addressOf, kill, type ServerProcess, spawnServer } from '../../support/server-process.ts'
import { useFolder } from '../../support/temporary.ts'

/** Debian's browser, which the tests drive where it is installed. */
const executablePath = '/usr/bin/chromium'
const key = 'a-key-of-the-dashboard-test'
const minute = 60_000

const folder = useFolder()
let database: TestDatabase
let server: ServerProcess
let browser: Browser
let page: Page
let address: string
const problems: string[] = []

/** 30 bursts of 12 groups of 8; the reward and its parts depend on the burst. */
function runOf(
  run: string,
  rollout: (burst: number, n: number) => Pick<RecordedRollout, 'gradings' | 'calls'>,
): RecordedRollout[] {
  return Array.from({ length: 30 * 96 }, (_, n) => {
    const burst = Math.floor(n / 96)
    const at = Date.now() - (31 - burst) * 5 * minute + (n % 96) * 10
    return { run, at, item: `What did company ${(burst * 12 + (n % 12)) % 60} earn?`, ...rollout(burst, n) }
  })
}

/** A number from 0 to 1 that depends on another one, and looks random. */
const noise = (n: number) => (Math.sin(n * 12.9898) * 43758.5453) % 1

const chance = (n: number, share: number) => (Math.abs(noise(n)) < share ? 1 : 0)

async function record(): Promise<void> {
  const { sql, close } = openDatabase({ url: database.url, poolSize: 2 })
  const scored = (answer: number, searched: number, n: number) => [
    { score: (answer + searched) / 2, parts: { answer, searched }, answer: `It earned ${n} million.` },
  ]
  const honest = runOf('honest', (burst, n) => ({
    calls: [{}, { tool: 'note' }],
    gradings: scored(chance(n, 0.3 + burst / 60), chance(n + 7, 0.5 + burst / 100), n),
  }))
  const outage = runOf('outage', (burst, n) =>
    burst > 24 && n % 3 === 0
      ? { calls: [{ outcome: 'failed', code: 'tool_failed' }], gradings: [{ outcome: 'failed' }] }
      : { calls: [{}], gradings: scored(chance(n, 0.5), chance(n + 7, 0.5), n) },
  )
  const hack = runOf('hack', (burst, n) => ({
    calls: [{ output: '<img src=x onerror="document.title = 1">' }],
    gradings: scored(chance(n, burst < 18 ? 0.5 : 0.3), chance(n + 7, burst < 18 ? 0.3 : 0.95), n),
  }))
  for (const rollouts of [honest, outage, hack]) await recordHistory(sql, rollouts)
  await close()
}

beforeAll(async () => {
  if (!existsSync(executablePath)) return
  database = await createTestDatabase()
  await record()
  server = spawnServer(folder, { DATABASE_URL: database.url, PORT: '0', API_KEYS: `viewer:read+grade=${key}` })
  address = await addressOf(server)
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  page.on('pageerror', ({ message }) => problems.push(message))
  page.on('console', (line) => {
    if (line.type() === 'error' && !line.text().includes('401')) problems.push(line.text())
  })
}, 120_000)

afterAll(async () => {
  await browser?.close()
  if (server !== undefined) await kill(server)
  await database?.drop()
})

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const violations = z.object({
  violations: z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) })),
})

/** What axe finds on the page, injected so that the page's policy does not stop it. */
async function findingsOf(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe)
  const found = violations.parse(await page.evaluate('axe.run()'))
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)}`)
}

describe.skipIf(!existsSync(executablePath))('a person with a browser', { timeout: 120_000 }, () => {
  it('is asked for a key, and comes to the page that they wanted', async () => {
    await page.goto(`${address}/dashboard/alarms`)
    await page.getByLabel('Key').fill('not-a-key-of-this-server')
    await page.getByRole('button', { name: 'log in' }).click()
    await page.getByRole('alert').waitFor()
    await page.getByLabel('Key').fill(key)
    await page.getByRole('button', { name: 'log in' }).click()
    await page.getByRole('heading', { name: 'Alarms', exact: true }).waitFor()
    expect(page.url()).toBe(`${address}/dashboard/alarms`)
  })

  it('finds the outage and the hack on the front page, and nothing about the honest run', async () => {
    await expect
      .poll(
        async () => {
          await page.goto(`${address}/dashboard`)
          return await page.locator('.alarm').allTextContents()
        },
        { timeout: 90_000, interval: 2_000 },
      )
      .toEqual(
        expect.arrayContaining([
          expect.stringMatching(/Rollouts without a score.*outage/),
          expect.stringMatching(/Reward without the work.*hack/),
        ]),
      )
    const all = (await page.locator('.alarm').allTextContents()).join('\n')
    expect(all).not.toContain('honest')
  })

  it('comes from the front page to the worst rollout in three clicks', async () => {
    await page.goto(`${address}/dashboard`)
    await page.getByRole('link', { name: 'outage', exact: true }).last().click()
    await page.getByRole('link', { name: 'Worst rollouts' }).first().click()
    await page.locator('tbody tr td a').first().click()
    await page.getByText('Its group').waitFor()
    expect(await page.locator('.score').first().textContent()).toBe('0.00')
  })

  it('walks with the keyboard: / to the filter, j to the first row, Enter to open it', async () => {
    await page.goto(`${address}/dashboard/runs/hack/rollouts`)
    await page.keyboard.press('/')
    await page.keyboard.type('earned 2777')
    await page.keyboard.press('Enter')
    await page.getByText('1 shown').waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.getByText('It earned 2777 million.').first().waitFor()
    expect(await page.title()).toContain('trace_')
    expect(await page.locator('.call img').count()).toBe(0)
  })

  it('sees the curves drawn, and opens the rollouts of a burst with a click on one', async () => {
    await page.goto(`${address}/dashboard/runs/hack`)
    await page.locator('[data-drawn]').waitFor()
    expect(await page.locator('.u-over').count()).toBe(await page.locator('figure[data-series]').count())
    await page
      .locator('.u-over')
      .first()
      .click({ position: { x: 200, y: 60 } })
    await page.waitForURL(/\/rollouts\?sort=worst&from=\d+&to=\d+$/)
  })

  it('sees what arrives, live, and can pause it', async () => {
    await page.goto(`${address}/dashboard/live`)
    await page.getByText('connected').waitFor()
    const { sql, close } = openDatabase({ url: database.url, poolSize: 1 })
    await recordHistory(sql, [{ run: 'live', at: Date.now(), item: 'now', gradings: [{ score: 1, after: 1 }] }])
    await close()
    await page.locator('.tail li').first().waitFor()
    await page.getByRole('button', { name: 'pause' }).click()
    await page.getByText('paused').waitFor()
  })

  it.each(['light', 'dark'] as const)('has nothing to complain about with a screen reader, %s', async (colorScheme) => {
    await page.emulateMedia({ colorScheme })
    const rollout = '/dashboard/runs/hack/rollouts/7000'
    for (const path of ['', '/runs/hack', '/runs/outage/rollouts', '/runs/hack/items', '/live', '/alarms', '/health']
      .map((end) => `/dashboard${end}`)
      .concat(rollout)) {
      await page.goto(`${address}${path}`)
      if (path.endsWith('hack')) await page.locator('[data-drawn]').waitFor()
      expect([path, await findingsOf(page)]).toEqual([path, []])
    }
    await page.context().clearCookies()
    await page.goto(`${address}/dashboard`)
    expect(await findingsOf(page)).toEqual([])
    await page.getByLabel('Key').fill(key)
    await page.getByRole('button', { name: 'log in' }).click()
    await page.getByRole('heading', { name: 'Runs', exact: true }).waitFor()
  })

  it('can use every page on a phone: nothing is wider than the screen', async () => {
    await page.setViewportSize({ width: 390, height: 800 })
    for (const end of [
      '',
      '/runs/hack',
      '/runs/hack/rollouts',
      '/runs/hack/rollouts/7000',
      '/runs/hack/items',
      '/live',
      '/alarms',
      '/health',
    ]) {
      await page.goto(`${address}/dashboard${end}`)
      const width = await page.evaluate('document.documentElement.scrollWidth')
      expect([end, width]).toEqual([end, 390])
    }
  })

  it('caused no error in a script, and no violation of the policy', () => {
    expect(problems).toEqual([])
  })
})
