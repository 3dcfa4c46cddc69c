import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createAuthenticator } from '../../../../src/server/auth/authenticate.ts'
import { parseApiKeys } from '../../../../src/server/auth/keys.ts'
import { defineGrader, gate, gradingOf, post, testApp, toolCall, toolWith } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()
const ended: unknown[] = []
let failures = 0
const held = gate()

const look = toolWith('none', { name: 'look', description: 'Looks.', input: z.object({}), run: () => 'seen' })
const wait = toolWith('external', {
  name: 'wait',
  description: 'Waits.',
  input: z.object({}),
  run: () => held.pass().then(() => 'done'),
})
const zero = defineGrader({ name: 'zero', version: '1', grade: () => 0 })
const options = {
  tools: [look, wait],
  graders: [zero],
  limits: { waitSeconds: 0.2 },
  hooks: {
    async end({
      rollout: { run, id, attempt },
      outcome,
    }: {
      rollout: { run: string; id: string; attempt: number }
      outcome: string
    }) {
      if (failures > 0) {
        failures -= 1
        throw new Error('the sandbox does not answer')
      }
      ended.push([run, id, attempt, outcome])
    },
  },
}
const app = testApp(database, options)
const end = (id: string, run = '/runs/a') => post(app, `${run}/rollouts/${id}/end`, '')
const call = (tool: string, id: string) => post(app, `/runs/a/tools/${tool}`, toolCall(tool, id, 'c1'))

beforeEach(() => {
  ended.length = 0
})

describe('POST /rollouts/{id}/end', () => {
  it('ends a rollout once, graded or not, and says so again', async () => {
    await call('look', 'one')
    await call('look', 'graded')
    await post(app, '/runs/a/graders/zero', gradingOf('graded', 'x'))
    for (const id of ['one', 'one', 'graded']) {
      const { status, body, headers } = await end(id)
      expect([status, body, headers.get('x-rollout-id')]).toEqual([200, { ended: true }, id])
    }
    expect(ended).toEqual([
      ['a', 'one', 1, 'closed'],
      ['a', 'graded', 1, 'graded'],
    ])
    expect((await call('look', 'one')).headers.get('x-replayed')).toBe(null)
  })

  it('takes an id with any characters, under each prefix of the wire', async () => {
    await call('look', 'step/1 %é')
    expect((await end(encodeURIComponent('step/1 %é'), '/runs/a/agent-rft')).status).toBe(200)
    expect(ended).toEqual([['a', 'step/1 %é', 1, 'closed']])
  })

  it('answers 404 for a rollout that is not in the run', async () => {
    await call('look', 'elsewhere')
    for (const run of ['/runs/b', '']) {
      expect(await end('elsewhere', run)).toMatchObject({ status: 404, body: { error: { code: 'unknown_rollout' } } })
    }
    expect(ended).toEqual([])
  })

  it('answers 503 while a call runs, and 500 if the hook fails', async () => {
    const running = call('wait', 'busy')
    await held.reached
    expect(await end('busy')).toMatchObject({ status: 503, body: { error: { code: 'rollout_still_running' } } })
    held.open()
    await running
    failures = 1
    expect(await end('busy')).toMatchObject({ status: 500, body: { error: { code: 'end_failed' } } })
    await database.sql`update rollouts set lease_until = now() - interval '1 second' where id = 'busy'`
    expect((await end('busy')).status).toBe(200)
    expect(ended).toEqual([['a', 'busy', 1, 'closed']])
  })

  it('needs a key with the scope tools or grade, for this run', async () => {
    const keys = parseApiKeys(
      'one:tools@a=a-key-for-tools-alone two:grade=a-key-for-grading three:read=a-key-for-reading four:tools@b=a-key-of-another-run',
    )
    const guarded = testApp(database, { ...options, authenticate: createAuthenticator({ keys, keyHeaders: [] }) })
    await call('look', 'guarded')
    const statuses = []
    for (const key of [
      'a-key-for-reading',
      'a-key-of-another-run',
      'unknown',
      'a-key-for-tools-alone',
      'a-key-for-grading',
    ]) {
      const { status } = await post(guarded, '/runs/a/rollouts/guarded/end', '', { authorization: `Bearer ${key}` })
      statuses.push(status)
    }
    expect(statuses).toEqual([403, 403, 401, 200, 200])
  })
})
