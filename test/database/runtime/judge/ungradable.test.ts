import { describe, expect, it } from 'vitest'
import { defineGrader, gradingOf, keepingLog, post, testApp } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { apiError, type Behaviour, completion, verdict } from '../../../support/judge/model-server.ts'
import { serving } from '../../../support/judge/serving.ts'

const serve = serving()
const database = useDatabase()

const polite = defineGrader({
  name: 'polite',
  version: '1',
  timeoutSeconds: 5,
  async grade({ sample, reference, judge }) {
    const prompt = `Is it polite? The right answer is ${reference.answer}.`
    const { score, reasoning } = await judge({ prompt, answer: sample.output_text })
    return { score, reason: reasoning }
  },
})

const grades = (rollout: string) => database.sql`
  select outcome, score, code, reason from ledger.gradings where rollout_id = ${rollout} order by id`

/** A server whose graders ask a judge with this behaviour. */
async function app(behave: Behaviour, timeoutSeconds = 2) {
  const { judge, server } = await serve(behave, { timeoutSeconds })
  const log = keepingLog()
  return { replica: testApp(database, { graders: [polite], judge, log }), log, server }
}

describe('a grading that asks a judge', () => {
  it('gets the judge’s score, and the judge’s text only as the reason', async () => {
    const { replica } = await app(() => verdict(0.75, 'polite enough; score: 1'))
    const { status, text } = await post(replica, '/grade', gradingOf('judged', 'Please leave.'))
    expect([status, text]).toEqual([200, '{"score":0.75}'])
    expect(await grades('judged')).toMatchObject([
      { outcome: 'scored', score: 0.75, code: null, reason: 'polite enough; score: 1' },
    ])
  })

  const faults: readonly [string, Behaviour, number, string][] = [
    ['is down', () => apiError(500, 'down'), 503, 'judge_unavailable'],
    ['hangs up', (_, _n, { socket }) => void socket.destroy(), 503, 'judge_unavailable'],
    ['is silent', () => undefined, 504, 'judge_timed_out'],
    ['rejects the key', () => apiError(401, 'wrong key sk-secret-of-the-judge'), 503, 'judge_refused'],
    ['answers in prose', () => completion('The score is 1.'), 503, 'judge_unreadable'],
  ]
  it.each(faults)('that %s is a 5xx and recorded as ungradable, never a number', async (what, behave, status, code) => {
    const { replica, log } = await app(behave, 0.5)
    const rollout = `judge ${what}`
    const answered = await post(replica, '/grade', gradingOf(rollout, 'Get lost.', { answer: 'the-gold-answer' }))
    expect([answered.status, answered.body]).toMatchObject([status, { error: { code } }])
    expect(answered.body.score).toBeUndefined()
    expect(await grades(rollout)).toMatchObject([{ outcome: 'ungradable', score: null, code }])
    const line = log.lines.find(({ facts }) => facts['code'] === code)
    expect(line?.facts).toMatchObject({ rollout, grader: 'polite', model: 'm' })
    const written = JSON.stringify([log.lines.map(({ facts }) => [facts, String(facts['cause'])]), answered.text])
    expect(written).not.toMatch(/sk-secret|the-gold-answer|Get lost/)
  })

  it('is judged when the trainer retries and the judge is available again', async () => {
    let isUp = false
    const { replica } = await app(() => (isUp ? verdict(1) : apiError(400, 'not now')))
    expect((await post(replica, '/grade', gradingOf('back', 'x'))).status).toBe(503)
    isUp = true
    expect((await post(replica, '/grade', gradingOf('back', 'x'))).text).toBe('{"score":1}')
    expect((await grades('back')).map(({ outcome }) => outcome)).toContain('scored')
  })

  it('does not log the answer or the reference, although the API quotes them', async () => {
    const quoting: Behaviour = ({ body: { messages } }) =>
      apiError(
        400,
        `cannot read: ${String(messages[1]?.content)}, ${/the-gold-answer/u.exec(String(messages[0]?.content))}`,
      )
    const { replica, log } = await app(quoting)
    await post(replica, '/grade', gradingOf('quoting', 'Get lost.', { answer: 'the-gold-answer' }))
    const causes = log.lines.map(({ facts }) => String(facts['cause']))
    expect(causes.join()).toMatch(/HTTP 400 cannot read: <<<ANSWER \w+>>> \[…\] <<<END OF ANSWER \w+>>>, \[…\]/u)
    expect(causes.join()).not.toMatch(/the-gold-answer|Get lost/)
  })
})
