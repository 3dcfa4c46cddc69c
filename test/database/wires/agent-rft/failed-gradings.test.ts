import { describe, expect, it } from 'vitest'
import type { Grade, GraderContext } from '../../../../src/kit/define-grader.ts'
import { UngradableError } from '../../../../src/kit/errors.ts'
import { defineGrader, gradingOf, keepingLog, post, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'

const database = useDatabase()

/** What a grader without types may return. */
const untyped = (text: string): Grade => JSON.parse(text)

type Asking = Pick<GraderContext<unknown, unknown, unknown>, 'judge'>

const boom = () => {
  throw new Error('password=hunter2')
}
const endless = () => new Promise<number>(() => {})

const cases: readonly [string, () => number | Grade | Promise<number | Grade>, number, string][] = [
  ['NaN', () => Number.NaN, 500, 'grader_gave_no_number'],
  ['Infinity', () => Number.POSITIVE_INFINITY, 500, 'grader_gave_no_number'],
  ['-Infinity', () => Number.NEGATIVE_INFINITY, 500, 'grader_gave_no_number'],
  ['text', () => untyped('"0.5"'), 500, 'grader_gave_no_number'],
  ['true', () => untyped('true'), 500, 'grader_gave_no_number'],
  ['null', () => untyped('null'), 500, 'grader_gave_no_number'],
  ['a score that is text', () => untyped('{"score":"0.5"}'), 500, 'grader_gave_no_number'],
  ['no score', () => untyped('{"parts":{}}'), 500, 'grader_gave_no_number'],
  ['a part that is NaN', () => ({ score: 1, parts: { a: Number.NaN } }), 500, 'grader_gave_no_number'],
  ['parts that are null', () => untyped('{"score":1,"parts":null,"reason":5}'), 500, 'grader_failed'],
  ['a score over the range', () => 1.001, 500, 'grader_out_of_range'],
  ['a score under the range', () => -0.001, 500, 'grader_out_of_range'],
  ['an exception', boom, 500, 'grader_failed'],
  ['a rejection', async () => boom(), 500, 'grader_failed'],
  ['no score in time', endless, 504, 'grader_timed_out'],
]

describe('a grader that returns', () => {
  it.each(cases)('%s is a failure without a score, recorded and logged', async (what, grade, status, code) => {
    const log = keepingLog()
    const graders = [defineGrader({ name: 'bad', version: '1', grade, timeoutSeconds: 0.1 })]
    const answer = await post(testApp(database, { graders, log }), '/grade', gradingOf(what, 'x'))
    expect([answer.status, answer.body.error?.code, Object.keys(answer.body)]).toEqual([status, code, ['error']])
    expect(answer.text).not.toContain('hunter2')
    expect(log.lines).toMatchObject([{ level: 'error', facts: { code, status, rollout: what, grader: 'bad' } }])
    const rows = await database.sql`select outcome, score, parts, code from ledger.gradings where rollout_id = ${what}`
    expect([...rows]).toEqual([{ outcome: 'failed', score: null, parts: null, code }])
  })

  it.each([
    [
      'no judge is configured',
      ({ judge }: Asking) => judge({ prompt: 'Is it right?', answer: 'x' }),
      'judge_not_configured',
    ],
    [
      'the service that it calls is unavailable',
      () => Promise.reject(new UngradableError(503, 'simulator_unavailable', 'away')),
      'simulator_unavailable',
    ],
  ])(
    'no score because %s leaves the rollout ungradable, which is neither a failure nor a score',
    async (why, ask, code) => {
      const grade = async (context: Asking) => (await ask(context)).score
      const app = testApp(database, { graders: [defineGrader({ name: 'asking', version: '1', grade })] })
      const answer = await post(app, '/grade', gradingOf(why, 'x'))
      expect([answer.status, answer.body.error?.code]).toEqual([503, code])
      const rows = await database.sql`select outcome, score, code from ledger.gradings where rollout_id = ${why}`
      expect([...rows]).toEqual([{ outcome: 'ungradable', score: null, code }])
    },
  )

  it('a score after a failure is answered with the score, and the failure stays recorded', async () => {
    let runs = 0
    const grade = () => {
      runs += 1
      return runs === 1 ? Number.NaN : 0.25
    }
    const app = testApp(database, { graders: [defineGrader({ name: 'late', version: '1', grade })] })
    expect((await post(app, '/grade', gradingOf('later', 'x'))).status).toBe(500)
    for (const _ of [1, 2]) expect((await post(app, '/grade', gradingOf('later', 'x'))).text).toBe('{"score":0.25}')
    const rows = await database.sql`select outcome from ledger.gradings where rollout_id = 'later' order by id`
    expect(rows.map(({ outcome }) => outcome)).toEqual(['failed', 'scored'])
  })

  it('a score outside the range by a rounding error gets the end of the range', async () => {
    const scores: Record<string, number> = { over: 1 + 1e-12, under: -1e-12, zero: -0 }
    const grade = ({ rolloutId }: { rolloutId: string }) => scores[rolloutId] ?? Number.NaN
    const app = testApp(database, { graders: [defineGrader({ name: 'near', version: '1', grade })] })
    const texts = Object.keys(scores).map(async (rollout) => (await post(app, '/grade', gradingOf(rollout, 'x'))).text)
    expect(await Promise.all(texts)).toEqual(['{"score":1}', '{"score":0}', '{"score":0}'])
  })

  it('a score in its own range is answered unchanged', async () => {
    const graders = [defineGrader({ name: 'wide', version: '1', range: [-1, 10], grade: () => -0.123456789012345 })]
    const app = testApp(database, { graders })
    const texts = []
    for (const _ of [1, 2]) texts.push((await post(app, '/grade', gradingOf('wide', 'x'))).text)
    expect(texts).toEqual(Array.from({ length: 2 }, () => '{"score":-0.123456789012345}'))
  })

  it('nothing in time has its signal aborted', async () => {
    const aborted: unknown[] = []
    const grade = ({ signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', () => aborted.push(signal.reason))
      return endless()
    }
    const graders = [defineGrader({ name: 'told', version: '1', grade, timeoutSeconds: 0.05 })]
    expect((await post(testApp(database, { graders }), '/grade', gradingOf('told', 'x'))).status).toBe(504)
    expect(aborted).toHaveLength(1)
  })

  it('nothing, because no graders exist, is a 404', async () => {
    const { status, body } = await post(testApp(database), '/grade', gradingOf('none', 'x'))
    expect([status, body.error?.code]).toEqual([404, 'unknown_grader'])
  })
})
