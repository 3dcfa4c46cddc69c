import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { graders } from '../../environment/graders/index.ts'
import { gradingOf, post, testApp } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { scorekeeper } from '../../support/scorekeeper.ts'

const database = useDatabase()
const run = (...args: readonly string[]) => scorekeeper(args, { DATABASE_URL: database.url })
const counts = z.looseObject({}).catchall(z.unknown())
const item = {
  messages: [{ role: 'user', content: 'how much?' }],
  reference_answer: '94',
}

beforeAll(async () => {
  const app = testApp(database, { graders: [...graders] })
  const grade = (name: string, id: string, output: string) =>
    post(app, `/runs/${name}/graders/answer`, gradingOf(id, output, item))
  for (const id of ['r1', 'r2']) await grade('first', id, '94')
  for (const id of ['r1', 'r2', 'r3']) await grade('second', id, '95')
})

const json = async (...args: readonly string[]) => counts.parse(JSON.parse((await run(...args, '--json')).out))

const regraded = async () => {
  const rows = await database.sql`
    select run, count(*)::int as gradings from ledger.gradings where source = 'regrade' group by run order by run`
  return rows.map((row) => ({ ...row }))
}

describe('--run selects the rollouts of one run, whose ids other runs have too', () => {
  it('in an export', async () => {
    const idsOf = async (...args: readonly string[]) =>
      (await run('export', ...args)).out
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => z.object({ run: z.string(), rollout: z.string() }).parse(JSON.parse(line)))
        .map((line) => `${line.run}/${line.rollout}`)
    expect(await idsOf('--run', 'first')).toEqual(['first/r1', 'first/r2'])
    expect(await idsOf('--run', 'second', '--rollout', 'r1')).toEqual(['second/r1'])
    expect(await idsOf('--run', 'third')).toEqual([])
    expect(await idsOf()).toHaveLength(5)
  })

  it('in the spread of recorded scores', async () => {
    expect(await json('grader', 'spread', 'answer', '--run', 'first')).toMatchObject({ rollouts: 2, failing: 0 })
    expect(await json('grader', 'spread', 'answer', '--run', 'second')).toMatchObject({ rollouts: 3, failing: 3 })
    expect(await json('grader', 'spread', 'answer')).toMatchObject({ rollouts: 5, failing: 3 })
  })

  it('in a re-grading', async () => {
    expect(await json('regrade', '--grader', 'answer', '--run', 'second', '--dry-run')).toMatchObject({ subjects: 3 })
    expect(await regraded()).toEqual([])
    // Recorded by the same code, so it is made to look older.
    await database.sql`update grades set version = '0'`
    expect(await json('regrade', '--grader', 'answer', '--run', 'second')).toMatchObject({ subjects: 3, scored: 3 })
    expect(await regraded()).toEqual([{ run: 'second', gradings: 3 }])
    expect(await json('regrade', '--grader', 'answer')).toMatchObject({ subjects: 5 })
    expect(await regraded()).toEqual([
      { run: 'first', gradings: 2 },
      { run: 'second', gradings: 3 },
    ])
  })

  it('and is refused if it is not the name of a run', async () => {
    for (const command of [['export'], ['regrade'], ['grader', 'spread', 'answer']]) {
      const { code, err } = await run(...command, '--run', 'a/b')
      expect([code, err]).toEqual([2, expect.stringContaining('It must be the name of a run')])
    }
  })
})
