import { expect, it } from 'vitest'
import { z } from 'zod'
import { RequestError } from '../../../src/kit/errors.ts'
import { defineGrader, defineTool, gate, gradingOf, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

const tools = [
  defineTool({ name: 'write', description: 'Writes.', input: z.object({}), effects: 'database', run: () => 'written' }),
]
const graders = [defineGrader({ name: 'one', version: '1', grade: () => 1 })]
const reason = new RequestError(503, 'server_stopping', 'the server stops; try again')

it('answers a call that waits for a lock, and a grading that waits for that call, when the server stops', async () => {
  const stopping = new AbortController()
  const app = testApp(database, { tools, graders, stopping: stopping.signal, limits: { waitSeconds: 60 } })
  const { pass, open: release, reached } = gate()
  const held = database.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtextextended('default/held', 0))`
    await pass()
  })
  await reached
  const answers = [
    post(app, '/tools/write', toolCall('write', 'held', 'a')),
    post(app, '/grade', gradingOf('held', 'x')),
  ]
  await expect.poll(() => database.sql`select from pg_locks where not granted`).toHaveLength(1)
  stopping.abort(reason)
  for (const { status, body } of await Promise.all(answers)) {
    expect(status).toBe(503)
    expect(body.error?.code).toBe('server_stopping')
  }
  release()
  await held
})

it('answers a grading with a 5xx if the database takes too long', async () => {
  const app = testApp(database, { tools, graders, limits: { answerSeconds: 0.2 } })
  const { pass, open: release, reached } = gate()
  const held = database.sql.begin(async (tx) => {
    await tx`lock table grades`
    await pass()
  })
  await reached
  const { status, body } = await post(app, '/grade', gradingOf('slow', 'x'))
  expect([status, body.error?.code]).toEqual([503, 'answer_timed_out'])
  release()
  await held
})
