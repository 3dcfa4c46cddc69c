import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineGrader, gradingOf, post, testApp, toolCall, toolWith } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { type Listening, listen } from '../../support/outbound/listen.ts'
import { spawnServer } from '../../support/server-process.ts'
import { useFolder } from '../../support/temporary.ts'

const program = fileURLToPath(new URL('../../support/ending/scorekeeper.ts', import.meta.url))
const database = useDatabase()
const folder = useFolder()
let sandbox: Listening
let status = 200

beforeAll(async () => {
  sandbox = await listen((response) => void response.writeHead(status).end())
})
afterAll(() => sandbox.close())

const look = toolWith('none', { name: 'look', description: 'Looks.', input: z.object({}), run: () => 'seen' })
const zero = defineGrader({ name: 'zero', version: '1', grade: () => 0 })
const app = testApp(database, { tools: [look], graders: [zero] })

beforeEach(async () => {
  status = 200
  sandbox.asked.length = 0
  await database.sql`truncate runs, items, rollouts, tool_calls, grades, replays`
  for (const rollout of ['one', 'two']) await post(app, '/runs/a/tools/look', toolCall('look', rollout, 'c1'))
  await post(app, '/runs/a/graders/zero', gradingOf('one', 'x'))
  await post(app, '/runs/b/tools/look', toolCall('look', 'one', 'c1'))
})

async function run(args: readonly string[], env: Record<string, string> = { SANDBOX_URL: sandbox.origin }) {
  const { written, ended } = spawnServer(folder, { DATABASE_URL: database.url, ...env }, program, args)
  return { code: await ended, ...written }
}

const released = () => sandbox.asked.map(({ body }) => JSON.parse(body)).sort((a, b) => (a.id < b.id ? -1 : 1))
const left = async () => {
  const rows = await database.sql`select run || '/' || id as name from rollouts order by name`
  return rows.map(({ name }) => name)
}

describe('deleting in an environment with an end hook and settings', () => {
  it('runs the hook of each open rollout of a run before the run is deleted', async () => {
    const deleted = await run(['runs', 'delete', 'a', '--yes'])
    expect(deleted).toEqual({ code: 0, out: '', err: 'deleted the run "a": 2 rollouts\n' })
    expect(released()).toEqual([
      { run: 'a', id: 'one', attempt: 1, outcome: 'graded' },
      { run: 'a', id: 'two', attempt: 1, outcome: 'closed' },
    ])
    expect(await left()).toEqual(['b/one'])
  })

  it('runs the hook of the rollout that is deleted alone', async () => {
    expect(await run(['rollouts', 'delete', 'two', '--run', 'a', '--yes'])).toMatchObject({ code: 0 })
    expect(released()).toEqual([{ run: 'a', id: 'two', attempt: 1, outcome: 'closed' }])
    expect(await left()).toEqual(['a/one', 'b/one'])
  })

  it('deletes nothing if the hook fails, and says why', async () => {
    status = 500
    const failed = await run(['rollouts', 'delete', 'two', '--run', 'a', '--yes'])
    expect(failed.code).toBe(1)
    expect(failed.err).toContain('the end of a rollout failed; it is tried again: the sandbox answered 500\n')
    expect(await left()).toEqual(['a/one', 'a/two', 'b/one'])
  })

  it('names a setting that is missing, and deletes nothing', async () => {
    const failed = await run(['runs', 'delete', 'a', '--yes'], {})
    expect(failed.code).toBe(1)
    expect(failed.err).toContain('SANDBOX_URL is not set')
    expect([sandbox.asked, await left()]).toEqual([[], ['a/one', 'a/two', 'b/one']])
  })
})
