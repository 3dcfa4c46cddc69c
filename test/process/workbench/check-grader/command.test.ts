import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { readSpread } from '../../../../src/ledger/reports/spread.ts'
import { defineGrader, gradingOf, post, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { scorekeeperArgs } from '../../../support/scorekeeper.ts'
import { useFolder } from '../../../support/temporary.ts'

const root = fileURLToPath(new URL('../../../..', import.meta.url))
const database = useDatabase()
const folder = useFolder()

/** The score is what the answer says. */
const numeric = defineGrader({ name: 'answer', version: '1', grade: ({ sample }) => Number(sample.output_text) })

const run = (...args: readonly string[]) => start(scorekeeperArgs('grader', ...args))
/** With a grader in TypeScript, as npm run does. */
const runSources = (...args: readonly string[]) =>
  start(['--import', 'tsx', 'test/environment/scorekeeper.ts', 'grader', ...args])

const start = (args: readonly string[]) =>
  new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const env = { PATH: process.env['PATH'] ?? '', DATABASE_URL: database.url }
    execFile(process.execPath, args, { cwd: root, env }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    )
  })

const findings = z.object({
  grader: z.string(),
  findings: z.array(z.object({ check: z.string(), verdict: z.enum(['pass', 'warn', 'fail']), found: z.string() })),
})

describe('the command grader check', () => {
  it('passes for the shipped grader with its items file, in a table', async () => {
    const { code, out, err } = await run('check', 'answer')
    expect([code, err]).toEqual([0, expect.stringMatching(/^\d+ items of .*graders\/answer\.items\.jsonl$/m)])
    expect(out.match(/^✓ pass {2}/gm)?.length).toBeGreaterThanOrEqual(7)
    expect(out).not.toContain('✗')
  })

  it('accepts a file that exports a grader and a file of items, and reports failures as JSON', async () => {
    const grader = join(folder, 'pays-all.ts')
    const define = JSON.stringify(new URL('../../../../src/kit/define.ts', import.meta.url).href)
    const zod = JSON.stringify(import.meta.resolve('zod'))
    writeFileSync(
      grader,
      `import { z } from ${zod}
       import { defineEnvironment } from ${define}
       const { defineGrader } = defineEnvironment({ task: z.object({}), reference: z.object({}), state: z.object({}) })
       export const paysAll = defineGrader({ name: 'pays-all', version: '1', grade: () => 1 })`,
    )
    const items = join(folder, 'items.jsonl')
    writeFileSync(items, ['{"target": "4"}', '{"target": "5"}', '{"target": "6"}'].join('\n'))
    const { code, out } = await runSources('check', grader, '--items', items, '--json')
    const read = findings.parse(JSON.parse(out))
    const failed = read.findings.filter(({ verdict }) => verdict === 'fail').map(({ check }) => check)
    expect([code, failed]).toEqual([1, ['degenerate answers', 'degenerate trajectories', 'near misses']])
  })

  it('makes the calls of labelled answers on a temporary database for a grader that reads one', async () => {
    const grader = join(folder, 'reads.ts')
    const define = JSON.stringify(new URL('../../../environment/environment.ts', import.meta.url).href)
    const drizzle = JSON.stringify(import.meta.resolve('drizzle-orm'))
    writeFileSync(
      grader,
      `import { sql } from ${drizzle}
       import { defineGrader } from ${define}
       export const reads = defineGrader({
         name: 'reads',
         version: '1',
         async grade({ sample, reference, db, rolloutId }) {
           const rows = await db.execute(sql\`select tool from ledger.calls where rollout_id = \${rolloutId}\`)
           return Number(sample.output_text === reference.reference_answer && rows.length === 1)
         },
       })`,
    )
    const row = (text: string, tool: string) => ({
      item: { messages: [{ role: 'user', content: `What is ${text}?` }], reference_answer: text },
      answers: [{ output_text: text, label: 1, trajectory: [{ tool, arguments: { text } }] }],
    })
    const itemsOf = (tool: string) => {
      const path = join(folder, `${tool}.jsonl`)
      writeFileSync(
        path,
        ['one thing', 'two things', 'three things'].map((text) => JSON.stringify(row(text, tool))).join('\n'),
      )
      return path
    }
    const played = await runSources('check', grader, '--items', itemsOf('note'), '--json')
    expect(played.err).toContain(
      'the grader reads the database: calls are made in rollouts of their own, on a throw-away database',
    )
    expect(findings.parse(JSON.parse(played.out)).findings).toContainEqual(
      expect.objectContaining({
        check: 'right answers',
        verdict: 'pass',
        found: 'right answers earn 100 % on average',
      }),
    )
    const refused = await runSources('check', grader, '--items', itemsOf('refund'))
    expect([refused.code, refused.out, refused.err]).toEqual([
      1,
      '',
      expect.stringContaining('labelled answers call refund, which is not in tools/: use --database'),
    ])
  }, 120_000)

  it.each([
    [['check', 'missing'], 2, 'there is no grader "missing"; the graders are: answer, effort, wording'],
    [['check', 'no/such.ts'], 2, 'there is no file'],
    [['check', 'answer', '--items', 'no/such.jsonl'], 2, 'there is no file no/such.jsonl'],
    [['check', 'package.json'], 1, 'is not a valid grader'],
    [['spread', 'answer', '--since', 'yesterday'], 2, '"yesterday" is not a valid timestamp'],
    [['check'], 2, 'missing required argument'],
    [['check', 'answer', '--most', 'few'], 2, 'whole number'],
    [['check', 'answer', '--items', fileURLToPath(import.meta.url)], 1, 'line 1, is not JSON'],
  ])('reports what is wrong with %j', async (args, code, message) => {
    const answer = await run(...args)
    expect([answer.code, answer.err]).toEqual([code, expect.stringContaining(message)])
  })
})

describe('the spread of recorded rewards', () => {
  it('is counted by item: never solved, always solved, without a spread, failing rollouts', async () => {
    const app = testApp(database, { graders: [numeric] })
    const groups = { never: [0, 0, 0.5], always: [1, 0.95], flat: [0.5, 0.5], mixed: [0, 1], alone: [1] }
    for (const [question, scores] of Object.entries(groups)) {
      for (const [at, score] of scores.entries()) {
        const grading = gradingOf(`${question}-${at}`, String(score), { question })
        expect((await post(app, '/grade', grading)).status).toBe(200)
      }
    }
    expect((await post(app, '/grade', gradingOf('lost', 'NaN', { question: 'mixed' }))).status).toBe(500)
    const spread = await readSpread(database.sql, { grader: 'answer', solvedAt: 0.9 })
    expect(spread).toMatchObject({
      ...{ rollouts: 10, failing: 6, items: 5, groups: 4, withoutSpread: 1, neverSolved: 2, alwaysSolved: 1 },
      worthALook: [
        { content: { question: 'never' }, rollouts: 3, failing: 3, least: 0, most: 0.5 },
        { content: { question: 'flat' }, rollouts: 2, failing: 2, least: 0.5, most: 0.5 },
      ],
    })
    const deviations = [Math.sqrt(1 / 18), 0.025, 0, 0.5]
    expect(spread.meanDeviation).toBeCloseTo(deviations.reduce((sum, one) => sum + one, 0) / 4, 9)
    expect(await readSpread(database.sql, { grader: 'answer', version: '2', solvedAt: 0.9 })).toMatchObject({
      rollouts: 0,
    })
    const since = new Date(Date.now() + 60_000)
    expect(await readSpread(database.sql, { grader: 'answer', since, solvedAt: 0.9 })).toMatchObject({ rollouts: 0 })

    expect(await readSpread(database.sql, { grader: 'answer', until: since, solvedAt: 0.9 })).toEqual(spread)
    const before = new Date(Date.now() - 600_000)
    expect(await readSpread(database.sql, { grader: 'answer', until: before, solvedAt: 0.9 })).toMatchObject({
      items: 0,
    })

    const { code, out } = await run('spread', 'answer')
    expect([code, out.split('\n').slice(0, 3)]).toEqual([
      0,
      [
        '10 scored rollouts of 5 items; 60 % of the rollouts fail (25 to 50 % is the published advice)',
        'without a spread, which teach nothing: 1 of 4 groups (25 %)',
        expect.stringContaining('never solved: 2 of 4 groups (50 %)'),
      ],
    ])
    expect(out).toMatch(/^ {2}[0-9a-f]{12} {2}3 rollouts, 0\.00 to 0\.50, never solved: never$/m)
    expect(out).toMatch(/^ {2}[0-9a-f]{12} {2}2 rollouts, all 0\.50, never solved: flat$/m)
    expect((await run('spread', 'none')).out).toContain('no scored rollouts')
  })
})
