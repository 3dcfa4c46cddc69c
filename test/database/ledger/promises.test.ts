import { sql as query } from 'drizzle-orm'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ToolError } from '../../../src/kit/errors.ts'
import { defineGrader, defineTool, gate, gradingOf, post, testApp, toolCall, toolWith } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()
const elsewhere = database.another()

beforeAll(async () => {
  await database.sql`create table effects (rollout text, call text)`
})

const stored = (rollout: string) =>
  database.sql<
    { call_id: string; seq: number; outcome: string; output: string; execution: number; code: string | null }[]
  >`
    select call_id, seq, outcome, output, execution, code from ledger.calls where rollout_id = ${rollout} order by seq`

/** A tool of each kind that counts its runs and answers with the count. */
function counting(effects: 'none' | 'database' | 'external') {
  const runs = { count: 0 }
  const head = { name: 'count', description: 'Counts.', input: z.object({ n: z.number().optional() }) }
  const run = () => {
    runs.count += 1
    return `run ${runs.count}`
  }
  const tool =
    effects === 'none'
      ? defineTool({ ...head, effects, run })
      : effects === 'external'
        ? defineTool({ ...head, effects, run })
        : defineTool({
            ...head,
            effects,
            async run({ tx, rolloutId, callId }) {
              await tx.execute(query`insert into effects values (${rolloutId}, ${callId})`)
              return run()
            },
          })
  return { tool, runs }
}

describe.each(['none', 'database', 'external'] as const)('the promises, for a call with effects %s', (effects) => {
  it('recorded before answered: is committed when the answer is read', async () => {
    const { tool } = counting(effects)
    const app = testApp(database, { tools: [tool] })
    const { status, body } = await post(app, '/tools/count', toolCall('count', `first-${effects}`, 'a', { n: 1 }))
    expect({ status, output: body.output }).toEqual({ status: 200, output: 'run 1' })
    const rows =
      await elsewhere.sql`select outcome, output, arguments, seq from ledger.calls where rollout_id = ${`first-${effects}`}`
    expect([...rows]).toEqual([{ outcome: 'ok', output: 'run 1', arguments: { n: 1 }, seq: 1 }])
  })

  it('once per (rollout, call_id): answers a retried call with what is stored, on any replica', async () => {
    const { tool, runs } = counting(effects)
    const here = testApp(database, { tools: [tool] })
    const there = testApp(elsewhere, { tools: [tool] })
    const call = toolCall('count', `late-${effects}`, 'a')
    const first = await post(here, '/tools/count', call)
    const again = await post(here, '/tools/count', call)
    const other = await post(there, '/tools/count', call)
    expect([first.text, again.text, other.text]).toEqual([first.text, first.text, first.text])
    expect(again.headers.get('x-replayed')).toBe('true')
    // Only a tool without effects is run before it is known that another replica has the call.
    expect(runs.count).toBe(effects === 'none' ? 2 : 1)
    expect(await stored(`late-${effects}`)).toHaveLength(1)
  })

  it('once per (rollout, call_id): runs a call once that is retried while the first execution runs', async () => {
    const held = gate()
    const begun: string[] = []
    const work = async ({ rolloutId }: { rolloutId: string }) => {
      const run = begun.push(rolloutId)
      await held.pass()
      return `run ${run}`
    }
    const head = { name: 'slow', description: 'Waits.', input: z.object({}) }
    const tool = toolWith(effects, { ...head, run: work })
    const app = testApp(database, { tools: [tool] })
    const call = toolCall('slow', `early-${effects}`, 'a')
    const first = post(app, '/tools/slow', call)
    await held.reached
    const second = post(app, '/tools/slow', call)
    // Sent after the second and already running, so the second would be running too.
    const beside = post(app, '/tools/slow', toolCall('slow', `beside-${effects}`, 'a'))
    await expect.poll(() => begun).toContain(`beside-${effects}`)
    held.open()
    expect((await second).text).toBe((await first).text)
    expect((await beside).status).toBe(200)
    expect(begun).toEqual([`early-${effects}`, `beside-${effects}`])
  })

  it('order and count hold: admits exactly ten of forty parallel calls, and numbers all of them without gaps', async () => {
    const { tool, runs } = counting(effects)
    const replicas = [testApp(database, { tools: [tool] }), testApp(elsewhere, { tools: [tool] })]
    const rollout = `budget-${effects}`
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => {
        const app = replicas[n % 2] ?? testApp(database)
        return post(app, '/tools/count', toolCall('count', rollout, `call-${n}`))
      }),
    )
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    const rows = await stored(rollout)
    expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 40 }, (_, n) => n + 1))
    expect(rows.filter(({ outcome }) => outcome === 'ok')).toHaveLength(10)
    expect(rows.filter(({ code }) => code === 'budget_used_up')).toHaveLength(30)
    expect(answers.filter(({ body }) => body.output?.startsWith('run '))).toHaveLength(10)
    if (effects === 'external') expect(runs.count).toBe(10)
    if (effects === 'database') {
      const [effect] = await database.sql`select count(*)::int as count from effects where rollout = ${rollout}`
      expect(effect).toEqual({ count: 10 })
    }
  })

  it('three outcomes, never mixed: records a failure of ours as failed, answers 5xx, and runs the retry as a second execution', async () => {
    const attempts: number[] = []
    const work = ({ execution }: { execution: number }) => {
      attempts.push(execution)
      if (attempts.length === 1) throw new Error('the disk is full')
      return 'done'
    }
    const head = { name: 'flaky', description: 'Fails once.', input: z.object({}) }
    const tool = toolWith(effects, { ...head, run: work })
    const rollout = `failed-${effects}`
    const graders = [defineGrader({ name: 'one', version: '1', grade: () => 1 })]
    const app = testApp(database, { tools: [tool], graders })
    const first = await post(app, '/tools/flaky', toolCall('flaky', rollout, 'a'))
    expect({ status: first.status, code: first.body.error?.code }).toEqual({ status: 500, code: 'tool_failed' })
    expect(first.text).not.toContain('disk')
    expect((await stored(rollout)).map(({ outcome }) => outcome)).toEqual(['failed'])
    const ungradable = await post(app, '/grade', gradingOf(rollout, 'x'))
    expect({ status: ungradable.status, code: ungradable.body.error?.code }).toEqual({
      status: 500,
      code: 'rollout_has_failed_call',
    })
    const retry = await post(app, '/tools/flaky', toolCall('flaky', rollout, 'a'))
    expect({ status: retry.status, output: retry.body.output }).toEqual({ status: 200, output: 'done' })
    expect(attempts).toEqual([1, 2])
    expect(await stored(rollout)).toMatchObject([{ seq: 1, outcome: 'ok', execution: 2 }])
    expect((await post(app, '/grade', gradingOf(rollout, 'x'))).body).toEqual({ score: 1 })
  })

  it('three outcomes, never mixed: records a fault of the model as refused and says why', async () => {
    const head = { name: 'picky', description: 'Refuses.', input: z.object({ path: z.string() }) }
    const work = () => {
      throw new ToolError('no document at "x"; use list')
    }
    const tool = toolWith(effects, { ...head, run: work })
    const app = testApp(database, { tools: [tool] })
    const rollout = `refused-${effects}`
    const refused = await post(app, '/tools/picky', toolCall('picky', rollout, 'a', { path: 'x' }))
    expect({ status: refused.status, output: refused.body.output }).toEqual({
      status: 200,
      output: 'no document at "x"; use list',
    })
    const unfit = await post(app, '/tools/picky', toolCall('picky', rollout, 'b', { path: 3 }))
    expect(unfit.status).toBe(200)
    expect(unfit.body.output).toMatch(/^invalid arguments: path: .*must be a string\. /)
    const unknown = await post(app, '/tools/nothing', toolCall('nothing', rollout, 'c'))
    expect(unknown.status).toBe(200)
    expect(unknown.body.output).toBe('there is no tool "nothing"; the tools are: picky')
    expect((await stored(rollout)).map(({ outcome, code }) => [outcome, code])).toEqual([
      ['refused', 'refused_by_tool'],
      ['refused', 'invalid_arguments'],
      ['refused', 'unknown_tool'],
    ])
  })

  it('three outcomes, never mixed: answers 504 when a call times out', async () => {
    const head = { name: 'endless', description: 'Never ends.', input: z.object({}), timeoutSeconds: 0.05 }
    const aborted: boolean[] = []
    const work = ({ signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', () => aborted.push(true))
      return new Promise<string>(() => {})
    }
    const tool = toolWith(effects, { ...head, run: work })
    const app = testApp(database, { tools: [tool] })
    const late = await post(app, '/tools/endless', toolCall('endless', `timeout-${effects}`, 'a'))
    expect({ status: late.status, code: late.body.error?.code }).toEqual({ status: 504, code: 'tool_timed_out' })
    expect(aborted).toEqual([true])
    expect((await stored(`timeout-${effects}`)).map(({ outcome }) => outcome)).toEqual(['failed'])
  })
})
