import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openDatabase } from '../../../src/postgres/database.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { recordHistory } from '../../support/rollups/history.ts'
import { useFolder } from '../../support/temporary.ts'
import { type FilledServer, fillLedger } from '../../support/walk/filled-ledger.ts'

/** Debian's browser, which the tests drive where it is installed. */
const executablePath = '/usr/bin/chromium'
const key = 'a-key-of-the-dashboard-test'

const folder = useFolder()
let database: TestDatabase
let server: FilledServer
let browser: Browser
let page: Page
let address: string
const problems: string[] = []

beforeAll(async () => {
  if (!existsSync(executablePath)) return
  database = await createTestDatabase()
  const keys = { viewer: key, trainer: 'a-key-of-the-trainer-of-this-test' }
  const launching = chromium.launch({ executablePath, args: ['--no-sandbox'] })
  server = await fillLedger(folder, database.url, keys)
  address = server.url
  browser = await launching
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
  context.on('weberror', (found) => problems.push(found.error().message))
  context.on('console', (line) => {
    if (line.type() === 'error' && !line.text().includes('401')) problems.push(line.text())
  })
  page = await context.newPage()
}, 300_000)

afterAll(async () => {
  await browser?.close()
  await server?.stop()
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

/** The pages that are looked at whole, besides that of a rollout. */
const pages = [
  '',
  '/runs/hack',
  '/runs/outage/rollouts',
  '/runs/hack/items',
  '/live',
  '/alarms',
  '/sandboxes',
  '/health',
].map((end) => `/dashboard${end}`)

/** The address of the first rollout in the list of a run. */
async function rolloutOf(run: string, query = ''): Promise<string> {
  await page.goto(`${address}/dashboard/runs/${run}/rollouts?${query}`)
  return (await page.locator('tbody tr td a').first().getAttribute('href')) ?? ''
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

  it('trains an honest run and a hack with learn, and plays an outage with simulate', {
    timeout: 300_000,
  }, async () => {
    expect(await server.filled).toEqual({ honest: 0, hack: 1, healthy: 0, outage: 1 })
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
    await page.keyboard.type('certainly. it earned 1')
    await page.keyboard.press('Enter')
    await page.waitForURL(/text=certainly/)
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.getByText('Certainly. It earned 1').first().waitFor()
    expect(await page.title()).toContain('sim_')
  })

  it('reads what a tool answered as text, whatever is in it', async () => {
    await page.goto(`${address}${await rolloutOf('honest', 'tool=look_up')}`)
    await page.getByText('<img src=x onerror').first().waitFor()
    expect(await page.locator('.call img').count()).toBe(0)
    expect(await page.title()).toContain('sim_')
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

  it('comes from the page that learn wrote to the best rollout of a step', async () => {
    await page.goto(`file://${folder}/hack.html`)
    await page
      .getByRole('row', { name: /training/ })
      .first()
      .getByRole('link')
      .first()
      .click()
    await page.getByText('Its group').waitFor()
    expect(page.url()).toMatch(/\/dashboard\/runs\/hack\/rollouts\/\d+$/)
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

  it('has nothing to complain about with a screen reader, light and dark', async () => {
    const rollout = await rolloutOf('hack')
    const dark = await page.context().newPage()
    await page.emulateMedia({ colorScheme: 'light' })
    await dark.emulateMedia({ colorScheme: 'dark' })
    for (const path of [...pages, rollout]) {
      for (const one of [page, dark]) {
        await one.goto(`${address}${path}`)
        if (path.endsWith('hack')) await one.locator('[data-drawn]').waitFor()
      }
      const found = await Promise.all([page, dark].map(findingsOf))
      expect([path, ...found]).toEqual([path, [], []])
    }
    await page.context().clearCookies()
    for (const one of [page, dark]) {
      await one.goto(`${address}/dashboard`)
      expect(await findingsOf(one)).toEqual([])
    }
    await dark.close()
    await page.getByLabel('Key').fill(key)
    await page.getByRole('button', { name: 'log in' }).click()
    await page.getByRole('heading', { name: 'Runs', exact: true }).waitFor()
  })

  it('can use every page on a phone: nothing is wider than the screen', async () => {
    await page.setViewportSize({ width: 390, height: 800 })
    for (const path of [...pages, await rolloutOf('honest', 'tool=look_up')]) {
      await page.goto(`${address}${path}`)
      const width = await page.evaluate('document.documentElement.scrollWidth')
      expect([path, width]).toEqual([path, 390])
    }
  })

  it('sees the outcome and the score of each rollout on a phone, and more filters when they are wanted', async () => {
    await page.goto(`${address}/dashboard/runs/outage/rollouts?outcome=scored`)
    const row = page.locator('tbody tr').first()
    for (const cell of [row.locator('.tag'), row.locator('.figure'), row.locator('[data-label=calls]')]) {
      const box = await cell.first().boundingBox()
      expect((box?.x ?? 390) + (box?.width ?? 0)).toBeLessThanOrEqual(390)
    }
    expect(await page.getByLabel('seconds from').isVisible()).toBe(false)
    await page.getByLabel('more filters').check()
    expect(await page.getByLabel('seconds from').isVisible()).toBe(true)
  })

  it('caused no error in a script, and no violation of the policy', () => {
    expect(problems).toEqual([])
  })
})
