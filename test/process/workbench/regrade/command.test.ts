import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { useDatabase } from '../../../support/database.ts'
import { figuresOf, pairsOf } from '../../../support/regrade/direct-count.ts'
import { gradeRows, seed } from '../../../support/regrade/seeded.ts'
import { spawnServer } from '../../../support/server-process.ts'
import { useFolder } from '../../../support/temporary.ts'

const program = fileURLToPath(new URL('../../../support/regrade/program.ts', import.meta.url))

const database = useDatabase()
const folder = useFolder()

beforeEach(() => database.sql`truncate items, rollouts, tool_calls, grades`)

const start = (args: readonly string[], env: Record<string, string> = {}) =>
  spawnServer(folder, { DATABASE_URL: database.url, ...env }, program, args)

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const { written, ended } = start(args, env)
  return { code: await ended, ...written }
}

const regraded = async () => {
  const [row] = await database.sql<{ count: number }[]>`
    select count(*)::int as count from ledger.gradings where source = 'regrade' and version = '2'`
  return row?.count ?? 0
}

/** The parts of a report that do not depend on when, or in how many runs, it was made. */
const reported = (json: string) => z.looseObject({ scored: z.number(), subjects: z.number() }).parse(JSON.parse(json))

describe('an interrupted run', () => {
  it('resumes after SIGKILL, grades nothing twice, and has the same report as an uninterrupted one', {
    timeout: 90_000,
  }, async () => {
    await seed(database.sql, 300)
    const earlier = await database.sql`select g::text from ledger.gradings g order by id`
    const slow = { PAUSE_MS: '60' }
    for (const enough of [40, 120]) {
      const cut = start(['--json', '--concurrency', '4'], slow)
      await vi.waitFor(async () => expect(await regraded()).toBeGreaterThan(enough), { timeout: 30_000, interval: 20 })
      cut.child.kill('SIGKILL')
      expect(await cut.ended).toBe(null)
    }
    const part = await regraded()
    expect(part).toBeLessThan(250)
    const whole = await run(['--json'])
    expect(whole.code).toBe(0)
    const pairs = pairsOf(await gradeRows(database.sql))
    const { parts: _, moves: __, spearman, mean_before, mean_after, ...counts } = figuresOf(pairs)
    const report = reported(whole.out)
    expect(report).toMatchObject({ ...counts, waiting: 0 })
    expect([report['spearman'], report['mean_before'], report['mean_after']]).toEqual(
      [spearman, mean_before, mean_after].map((value) => expect.closeTo(value, 10)),
    )
    const twice = await database.sql`
      select 1 from ledger.gradings where source = 'regrade' and version = '2' and outcome = 'scored'
      group by rollout_id, sample_hash having count(*) > 1`
    expect(twice.length).toBe(0)
    const kept =
      await database.sql`select g::text from ledger.gradings g where source = 'trainer' or version = '1' order by id`
    expect([...kept]).toEqual([...earlier])

    // An uninterrupted run over the same rollouts, in another database.
    await database.sql`delete from grades where source = 'regrade' and version = '2'`
    const unbroken = await run(['--json'])
    expect(reported(unbroken.out)).toEqual(report)
  })

  it('ends at Ctrl-C with what it recorded, and says how to resume', { timeout: 60_000 }, async () => {
    await seed(database.sql, 200)
    const cut = start(['--concurrency', '2'], { PAUSE_MS: '100' })
    await vi.waitFor(async () => expect(await regraded()).toBeGreaterThan(5), { timeout: 30_000, interval: 20 })
    cut.child.kill('SIGINT')
    expect(await cut.ended).toBe(130)
    expect(cut.written.err).toContain('the same command resumes')
    expect(await regraded()).toBeLessThan(200)
    const rows = await gradeRows(database.sql)
    // Nothing that was given up is recorded as a failure.
    const failed = rows.filter(({ version, outcome }) => version === '2' && outcome === 'failed')
    for (const { sample } of failed) expect(['throw', 'nan']).toContain(sample.output_text)
  })

  it('can run at the same time as another run of the same command', { timeout: 60_000 }, async () => {
    await seed(database.sql, 200)
    const slow = { PAUSE_MS: '10' }
    const both = await Promise.all([run(['--json'], slow), run(['--json'], slow)])
    expect(both.map(({ code }) => code)).toEqual([0, 0])
    const pairs = pairsOf(await gradeRows(database.sql))
    const last = await run(['--json', '--where', 'version = 1'])
    expect(reported(last.out).scored).toBeGreaterThan(50)
    expect(pairs.every(({ after }) => after !== undefined)).toBe(true)
    const twice = await database.sql`
      select 1 from ledger.gradings where source = 'regrade' and version = '2' and outcome = 'scored'
      group by rollout_id, sample_hash having count(*) > 1`
    expect(twice.length).toBe(0)
  })
})

describe('the command', () => {
  it('runs as many graders at the same time as allowed, and no more', { timeout: 60_000 }, async () => {
    await seed(database.sql, 120)
    const { code, err } = await run(['--concurrency', '5', '--json'], { PAUSE_MS: '20' })
    expect(code).toBe(0)
    expect(err).toContain('at most 5 at a time')
  })

  it('prints its progress every two seconds without a terminal', { timeout: 60_000 }, async () => {
    await seed(database.sql, 120)
    const { code, err } = await run(['--concurrency', '4', '--json'], { PAUSE_MS: '120' })
    expect(code).toBe(0)
    expect(err).toMatch(/^grading: \d+ of \d{2,3}, [\d.]+\/s, \d+ s left$/m)
  })

  it('only counts what it would grade in a dry run', async () => {
    await seed(database.sql, 60)
    const { code, out } = await run(['--dry-run', '--json', '--limit', '25'])
    expect([code, JSON.parse(out)]).toEqual([0, { subjects: 25, scored: 0, waiting: 25 }])
    expect(await regraded()).toBe(0)
  })

  it('prints a table with the largest changes and their reasons, and first that a version did not change', async () => {
    await seed(database.sql, 80)
    await database.sql`update grades set version = '2' where source = 'trainer' and grader = 'graded'`
    await database.sql`update grades set reason = 'before' || chr(27) || '[2J' || chr(8238) || 'end' where source = 'trainer'`
    const { code, out, err } = await run(['--movers', '3'])
    expect(code).toBe(0)
    const attention = `ATTENTION: the code of "graded" changed, and its version "2" did not`
    expect(out).toContain(attention)
    expect(err).toContain(attention)
    expect(out).toMatch(/mean before → after +0\.\d{4} → 0\.\d{4}/)
    expect(out.match(/before: {3}before \[2J end/g)?.length).toBe(3)
    expect(out.match(/after: {4}[\d.]+ after \d calls/g)?.length).toBe(3)
    // With the question, the calls and the answer, so that no lookup is needed.
    expect(
      out.match(/question: question \d+\n +calls: {4}(?:–|search\(\{\}\).*)\n +answer: {3}[\d.]+\n/g)?.length,
    ).toBe(3)
    expect(out).toMatch(/\d+ failed: grader_failed\n +\S+: the grader "graded" failed: TypeError: a bug in the grader/)
    // Neither terminal control sequences nor bidirectional overrides.
    expect(out.replaceAll('\n', ' ')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  })

  it('writes one row per rollout, none of which a spreadsheet runs as a formula', async () => {
    await seed(database.sql, 40)
    const nasty = '=HYPERLINK("http://x","y"),\n2'
    await database.sql`update grades set reason = ${nasty} where source = 'trainer'`
    const { code } = await run(['--csv', 'out.csv', '--json'])
    expect(code).toBe(0)
    const text = readFileSync(join(folder, 'out.csv'), 'utf8')
    const pairs = pairsOf(await gradeRows(database.sql))
    expect(text.match(/\r\n/g)?.length).toBe(pairs.length + 1)
    expect(text).toContain(`,"'=HYPERLINK(""http://x"",""y""),\n2",`)
    expect(text.startsWith('run,rollout_id,attempt,item_hash,')).toBe(true)
    expect(text).toMatch(/\r\ndefault,r14,1,[0-9a-f]{64},[0-9a-f]{64},0\.7,0\.3,-0\.\d+,scored,trainer,1,scored,,/)
  })

  it('writes a page that escapes everything from a rollout', async () => {
    await seed(database.sql, 40)
    const nasty = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
    await database.sql`update grades set reason = ${nasty}, parts = ${'{"<b>part</b>": 1}'}::text::jsonb where source = 'trainer' and score is not null`
    const { code } = await run(['--page', 'out.html', '--json', '--dashboard', 'https://tools.example.com'])
    expect(code).toBe(0)
    const html = readFileSync(join(folder, 'out.html'), 'utf8')
    expect(html).toContain('&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&lt;script&gt;')
    expect(html).toContain('&lt;b&gt;part&lt;/b&gt;')
    expect(html).not.toMatch(/<(?:img|script|b>part)/)
    expect(html).not.toMatch(/<[^>]*\s(?:src|on\w+)=/i)
    const links = [...html.matchAll(/<[^>]*\shref="([^"]*)/gi)].map(([, href]) => href)
    expect(links).toContain('https://tools.example.com/dashboard/runs/default/rollout?id=r14&amp;attempt=1')
    expect(links.filter((href) => !href?.startsWith('https://tools.example.com/dashboard/runs/'))).toEqual([])
    expect(html).toContain("default-src 'none'")
    expect(html.match(/<svg [^>]*role="img"/g)?.length).toBe(2)
  })

  it.each([
    [['--where', 'score; drop table grades'], 'cannot read'],
    [['--grader', 'missing'], 'there is no grader "missing"; the graders are: graded'],
    [['--csv', 'no/such/folder.csv'], 'no/such/folder.csv'],
  ] as const)('reports what is wrong with %j, and grades nothing', async (args, words) => {
    await seed(database.sql, 5)
    const { code, err } = await run(args)
    expect(code).toBe(1)
    expect(err).toContain(words)
    expect(await regraded()).toBe(0)
  })
})
