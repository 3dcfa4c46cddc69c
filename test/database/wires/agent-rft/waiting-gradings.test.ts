import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Limits } from '../../../../src/base/limits.ts'
import { defineGrader, gate, gradingOf, post, testApp, toolCall, toolWith } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()

/** A replica with a tool that waits at a gate, and a grader that reports how many finished calls it received. */
function replicaOf(effects: 'none' | 'database' | 'external', waitSeconds: number, limits: Partial<Limits> = {}) {
  const held = gate()
  const runs = { count: 0 }
  const head = { name: 'slow', description: 'Waits.', input: z.object({}) }
  const run = async () => {
    runs.count += 1
    await held.pass()
    return 'done'
  }
  const slow = toolWith(effects, { ...head, run })
  const done = defineGrader({
    name: 'done',
    version: '1',
    range: [0, 10],
    grade: ({ trajectory }) => trajectory.filter(({ output }) => output === 'done').length,
  })
  return { held, runs, app: testApp(database, { tools: [slow], graders: [done], limits: { waitSeconds, ...limits } }) }
}

describe.each(['none', 'database', 'external'] as const)('a grading while a call with effects %s runs', (effects) => {
  it('waits for the call to end and sees it', async () => {
    const { held, app } = replicaOf(effects, 20)
    const call = post(app, '/tools/slow', toolCall('slow', `waits-${effects}`, 'a'))
    await held.reached
    const grading = post(app, '/grade', gradingOf(`waits-${effects}`, 'x'))
    // Sent after the first and already answered, so the first has seen the running call.
    expect((await post(app, '/grade', gradingOf(`beside-${effects}`, 'x'))).text).toBe('{"score":0}')
    held.open()
    expect((await call).status).toBe(200)
    expect((await grading).text).toBe('{"score":1}')
  })

  it('times out, so that the trainer retries, and is then scored', async () => {
    const { held, app } = replicaOf(effects, 0.05)
    const rollout = `gives-up-${effects}`
    const call = post(app, '/tools/slow', toolCall('slow', rollout, 'a'))
    await held.reached
    const { status, headers, body } = await post(app, '/grade', gradingOf(rollout, 'x'))
    expect([status, body.error?.code]).toEqual([503, 'rollout_still_running'])
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    held.open()
    expect((await call).status).toBe(200)
    expect((await post(app, '/grade', gradingOf(rollout, 'x'))).text).toBe('{"score":1}')
    const rows =
      await database.sql`select outcome, score, code from ledger.gradings where rollout_id = ${rollout} order by id`
    expect([...rows]).toEqual([
      { outcome: 'ungradable', score: null, code: 'rollout_still_running' },
      { outcome: 'scored', score: 1, code: null },
    ])
  })

  it('does not treat it as ended when the trainer got a retryable error, and the retry gets its answer', async () => {
    const { held, runs, app } = replicaOf(effects, 0.05, { answerSeconds: 1.5 })
    const call = toolCall('slow', `late-${effects}`, 'a')
    expect((await post(app, '/tools/slow', call)).body.error?.code).toBe('answer_timed_out')
    const graded = await post(app, '/grade', gradingOf(`late-${effects}`, 'x'))
    expect([graded.status, graded.body.error?.code]).toEqual([503, 'rollout_still_running'])
    const retry = post(app, '/tools/slow', call)
    held.open()
    expect((await retry).body.output).toBe('done')
    expect(runs.count).toBe(1)
  })
})

describe('a grading on another replica, after a call without effects was not answered in time', () => {
  it('is refused until the call has ended, and then sees it', async () => {
    const { held, app } = replicaOf('none', 0.05, { answerSeconds: 1 })
    const other = replicaOf('none', 0.05)
    const rollout = 'late-elsewhere'
    const call = toolCall('slow', rollout, 'a')
    expect((await post(app, '/tools/slow', call)).body.error?.code).toBe('answer_timed_out')
    const refused = await post(other.app, '/grade', gradingOf(rollout, 'x'))
    expect([refused.status, refused.body.error?.code]).toEqual([500, 'rollout_has_failed_call'])
    const retry = post(app, '/tools/slow', call)
    held.open()
    expect((await retry).body.output).toBe('done')
    expect((await post(other.app, '/grade', gradingOf(rollout, 'x'))).text).toBe('{"score":1}')
    const rows = await database.sql`select outcome, seq from ledger.calls where rollout_id = ${rollout}`
    expect([...rows]).toEqual([{ outcome: 'ok', seq: 1 }])
  })
})

describe.each(['database', 'external'] as const)(
  'a grading while another replica runs a call with effects %s',
  (effects) => {
    it('times out as well', async () => {
      const { held, app } = replicaOf(effects, 20)
      const rollout = `elsewhere-${effects}`
      const call = post(app, '/tools/slow', toolCall('slow', rollout, 'a'))
      await held.reached
      const { status, body } = await post(replicaOf(effects, 0.05).app, '/grade', gradingOf(rollout, 'x'))
      expect([status, body.error?.code]).toEqual([503, 'rollout_still_running'])
      held.open()
      expect((await call).status).toBe(200)
    })
  },
)
