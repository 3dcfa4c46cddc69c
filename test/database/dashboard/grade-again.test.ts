import { beforeAll, describe, expect, it } from 'vitest'
import { noJudge } from '../../../src/kit/judge.ts'
import { createGradeAgain } from '../../../src/server/grade-again.ts'
import { defineGrader, gradingOf, post, testApp } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { logIn, testDashboard } from '../../support/rollups/dashboard.ts'

const database = useDatabase()
const { sql, db } = database

const graderOf = (version: string, score: number | Error) =>
  defineGrader({
    name: 'exact',
    version,
    grade: () => {
      if (score instanceof Error) throw score
      return { score, parts: { answer: score }, reason: `by version ${version}` }
    },
  })

beforeAll(async () => {
  const app = testApp(database, { graders: [graderOf('1', 0.25)] })
  await post(app, '/runs/exp-7/grade', gradingOf('a', 'four'))
})

/** What the page shows after the button was pressed on a server with this grader. */
async function pressed(grader: ReturnType<typeof graderOf>, key = 'key-of-all') {
  const gradeAgain = createGradeAgain({
    sql,
    db,
    rolloutTables: [],
    graders: [grader],
    embed: undefined,
    judge: noJudge,
    graderSeconds: 5,
  })
  const app = testDashboard(sql, { isOpen: false, gradeAgain })
  const [row] = await sql<{ number: number }[]>`select number::float8 as number from rollouts`
  const headers = { ...(await logIn(app, key)), 'sec-fetch-site': 'same-origin' }
  const page = `/dashboard/runs/exp-7/rollouts/${row?.number}`
  const shown = await (await app.request(page, { headers })).text()
  const response = await app.request(`${page}/grade`, { method: 'POST', headers })
  return { shown, status: response.status, text: await response.text() }
}

describe('grading again with today’s code', () => {
  it('shows the new score beside the recorded one, and records nothing', async () => {
    const { shown, text } = await pressed(graderOf('2', 0.75))
    expect(shown).toContain('grade again')
    expect(text).toContain('0.75')
    expect(text).toContain('recorded: 0.25 by version 1')
    expect(text).toContain('by version 2')
    expect(await sql`select score from grades`).toEqual([{ score: 0.25 }])
  })

  it('shows why a rollout has no score', async () => {
    const { status, text } = await pressed(graderOf('3', new Error('the oracle is silent')))
    expect(status).toBe(200)
    expect(text).toContain('the oracle is silent')
  })

  it('needs the scope of graders', async () => {
    const { shown, status } = await pressed(graderOf('2', 0.75), 'key-of-exp')
    expect(shown).not.toContain('grade again')
    expect(status).toBe(404)
  })
})
