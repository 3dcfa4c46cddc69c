import { describe, expect, it } from 'vitest'
import { checks, checksOf } from '../../../chaos/checks/all.ts'
import type { Evidence } from '../../../chaos/evidence.ts'
import {
  begin,
  box,
  boxes,
  call,
  closed,
  end,
  errorAnswer,
  evidence,
  grade,
  life,
  output,
  request,
  rollout,
  row,
  score,
} from '../../support/chaos/evidence.ts'

const acting = { ...row, tool: 'act', callId: 'b', seq: 2, output: 'done y' }
const actingRows = {
  calls: [row, acting],
  rollouts: [{ id: 'r', calls: 2, wrote: 1, acted: 1 }],
}
const effect = { rolloutId: 'r', number: 7, callId: 'b', execution: 1, nonce: 'y' }

const sound = evidence({})

/** For each check, evidence that breaks it. */
const broken: readonly (readonly [string, string, Evidence])[] = [
  [
    'acknowledged calls missing from the ledger',
    'a call that was answered is not recorded',
    evidence({ rows: { calls: [], rollouts: [], writes: [] } }),
  ],
  [
    'acknowledged calls missing from the ledger',
    'a call that was answered is recorded as failed',
    evidence({ rows: { calls: [{ ...row, outcome: 'failed', output: '' }] } }),
  ],
  [
    'acknowledged calls missing from the ledger',
    'a call is recorded with another output',
    evidence({ rows: { calls: [{ ...row, output: 'done z' }] } }),
  ],
  [
    'calls answered with two different outputs',
    'a retry got another answer',
    evidence({ seen: [{ ...rollout, calls: [call(request(output('done x')), request(output('done z')))] }] }),
  ],
  [
    '4xx or refusals for our failures',
    'a call was answered with 409',
    evidence({ seen: [{ ...rollout, calls: [call(request(errorAnswer(409, 'call_id_reused')))] }] }),
  ],
  [
    '4xx or refusals for our failures',
    'the model reads about a failure of the server',
    evidence({ seen: [{ ...rollout, calls: [call(request(output('the database is unavailable')))] }] }),
  ],
  [
    'requests that were never answered',
    'no request was answered',
    evidence({ seen: [{ ...rollout, calls: [call(request({ kind: 'unanswered' }))] }] }),
  ],
  [
    'requests dropped by a graceful shutdown',
    'a connection was lost long after its request began',
    evidence({
      seen: [{ ...rollout, calls: [call(request({ kind: 'lost', reason: 'ECONNRESET' }, 1_000, 3_000))] }],
      lives: [{ ...life, askedToStopAt: 2_000, endedAt: 3_000 }],
    }),
  ],
  ['database effects not exactly once', 'a call wrote nothing', evidence({ rows: { writes: [] } })],
  [
    'database effects not exactly once',
    'a call wrote twice',
    evidence({ rows: { writes: ['x', 'z'].map((nonce) => ({ rolloutId: 'r', callId: 'a', nonce })) } }),
  ],
  [
    'database effects not exactly once',
    'a call that failed wrote',
    evidence({ rows: { calls: [{ ...row, outcome: 'failed' }] } }),
  ],
  [
    'external effects repeated without a new execution number',
    'two executions had the number of the first',
    evidence({ rows: actingRows, effects: [effect, { ...effect, nonce: 'z' }] }),
  ],
  ['external calls recorded without their effect', 'nothing happened', evidence({ rows: actingRows })],
  [
    'external calls recorded without their effect',
    'the output is that of another execution',
    evidence({ rows: actingRows, effects: [{ ...effect, execution: 2 }] }),
  ],
  [
    'states that do not match their calls',
    'a state lost what a call did',
    evidence({ rows: { rollouts: [{ id: 'r', calls: 1, wrote: 0, acted: 0 }] } }),
  ],
  ['gaps or duplicates in seq', 'the first call is number 2', evidence({ rows: { calls: [{ ...row, seq: 2 }] } })],
  [
    'gaps or duplicates in seq',
    'two calls have one number',
    evidence({
      rows: { calls: [row, { ...row, callId: 'b' }], rollouts: [{ id: 'r', calls: 2, wrote: 2, acted: 0 }] },
    }),
  ],
  [
    'gaps or duplicates in seq',
    'the rollout counts a call that is not there',
    evidence({ rows: { rollouts: [{ id: 'r', calls: 2, wrote: 1, acted: 0 }] } }),
  ],
  [
    'budgets exceeded, or not used up',
    'an eleventh call was made',
    evidence({ rows: { calls: [{ ...row, seq: 11 }] } }),
  ],
  [
    'budgets exceeded, or not used up',
    'a tenth call was refused',
    evidence({ rows: { calls: [{ ...row, seq: 10, outcome: 'refused', code: 'budget_used_up' }] } }),
  ],
  [
    'calls left running forever',
    'a call is still claimed',
    evidence({ rows: { calls: [{ ...row, outcome: 'running' }] } }),
  ],
  ['replicas that ended by themselves', 'a process has exited', evidence({ lives: [{ ...life, endedAt: 200 }] })],
  [
    'graceful shutdowns that did not end',
    'a process had to be killed',
    evidence({ lives: [{ ...life, askedToStopAt: 100, killedAt: 200, endedAt: 200 }] }),
  ],
  [
    'rollouts scored although a call failed for our reasons',
    'the ledger has a failed call',
    evidence({ rows: { calls: [{ ...row, outcome: 'failed', code: 'tool_failed' }] } }),
  ],
  [
    'rollouts scored although a call failed for our reasons',
    'a failed call was answered to the trainer and not recorded',
    evidence({
      seen: [{ ...rollout, discarded: true, calls: [call(request(errorAnswer(503, 'database_unavailable')))] }],
      rows: { calls: [], rollouts: [], writes: [] },
    }),
  ],
  [
    'gradings answered with two scores',
    'a retry got another score',
    evidence({
      seen: [{ ...rollout, gradings: [{ sample: 's', requests: [request(score(0.5)), request(score(0.6))] }] }],
    }),
  ],
  [
    'gradings answered with two scores',
    'the score that was answered is not the one recorded',
    evidence({ rows: { grades: [{ ...grade, score: 0.6 }] } }),
  ],
  [
    'gradings answered with two scores',
    'two scores are recorded of one grading',
    evidence({ rows: { grades: [grade, { ...grade }] } }),
  ],
  [
    'scores without an acknowledged call',
    'the grader was shown a trajectory that lacks a call',
    evidence({ rows: { grades: [{ ...grade, parts: { calls: 0, wrote: 0, acted: 0, rows: 20, touched: 0 } }] } }),
  ],
  [
    'attempts more or fewer than the trainer made',
    'the second use of an id made no attempt',
    evidence({ seen: [rollout, { ...rollout, id: 'one/r#2', attempt: 2, calls: [], gradings: [] }] }),
  ],
  [
    'attempts more or fewer than the trainer made',
    'a late retry made another attempt',
    evidence({ rows: { rollouts: [...sound.rows.rollouts, { id: 'one/r#2', calls: 0, wrote: 0, acted: 0 }] } }),
  ],
  [
    'calls in an attempt or run that did not make them',
    'a call of another run is in it',
    evidence({ rows: { calls: [row, { ...row, callId: 'other', output: 'done z' }] } }),
  ],
  [
    'calls in an attempt or run that did not make them',
    'a call is in two runs',
    evidence({ rows: { calls: [row, { ...row, rolloutId: 'two/r#1' }] } }),
  ],
  [
    'attempts with the wrong outcome',
    'a graded one was abandoned',
    evidence({ ended: { attempts: [{ ...closed, outcome: 'abandoned' }] } }),
  ],
  [
    'attempts with the wrong outcome',
    'one that the trainer closed was abandoned',
    evidence({
      seen: [{ ...rollout, ending: 'closed' }],
      ended: { attempts: [{ ...closed, graded: false, outcome: 'abandoned' }] },
    }),
  ],
  ['attempts that did not begin exactly once', 'none began', evidence({ ended: { hooks: [end] } })],
  [
    'attempts that did not begin exactly once',
    'one began on two replicas',
    evidence({ ended: { hooks: [begin, { ...begin, seeds: 2, rows: 40 }, end] } }),
  ],
  [
    'attempts that did not begin exactly once',
    'it has rows of two beginnings',
    evidence({ ended: { hooks: [{ ...begin, seeds: 2, rows: 40 }, end] } }),
  ],
  [
    'attempts without their own rows',
    'the rows were gone before its end',
    evidence({ ended: { hooks: [begin, { ...end, seeds: 0, rows: 0 }] } }),
  ],
  [
    'attempts without their own rows',
    'a grader saw the rows of two attempts',
    evidence({ rows: { grades: [{ ...grade, parts: { calls: 1, wrote: 1, acted: 0, rows: 40, touched: 1 } }] } }),
  ],
  [
    'attempts without their own rows',
    'a call changed the rows of another attempt',
    evidence({ rows: { grades: [{ ...grade, parts: { calls: 1, wrote: 1, acted: 0, rows: 20, touched: 0 } }] } }),
  ],
  ['attempts that have not ended', 'the end did not run', evidence({ ended: { hooks: [begin] } })],
  [
    'attempts that have not ended',
    'one is still open',
    evidence({ ended: { attempts: [{ ...closed, released: false, outcome: null }] } }),
  ],
  ['rows left after the end', 'an attempt left some', evidence({ ended: { held: [{ number: 7, rows: 20 }] } })],
  [
    'rows left of a deleted run',
    'an item is left',
    evidence({
      deleted: { early: new Set(['gone']), late: new Set() },
      ended: { left: [{ run: 'gone', table: 'items', rows: 1 }] },
    }),
  ],
  [
    'sandboxes created a second time',
    'a rollout has had two',
    evidence({ sandboxes: boxes({ boxes: [box, { ...box, handle: 'two', lines: [] }] }) }),
  ],
  [
    'sandboxes left after the reaper',
    'the provider still lists one',
    evidence({ sandboxes: boxes({ left: { listed: 1, recorded: 0 } }) }),
  ],
  [
    'sandboxes left after the reaper',
    'the ledger still has one',
    evidence({ sandboxes: boxes({ left: { listed: 0, recorded: 1 } }) }),
  ],
  [
    'commands run twice',
    'a second execution ran its command again',
    evidence({ sandboxes: boxes({ boxes: [{ ...box, lines: ['a/1 x', 'b/1 z', 'a/1 y'] }] }) }),
  ],
  [
    'scores of broken sandboxes',
    'a failure became the score 0',
    evidence({ sandboxes: boxes({}), rows: { grades: [{ ...grade, score: 0 }] } }),
  ],
  [
    'scores of broken sandboxes',
    'a rollout was scored after its sandbox had been removed',
    evidence({ sandboxes: boxes({ boxes: [{ ...box, removedAt: 300 }] }) }),
  ],
  [
    'calls answered although their sandbox failed',
    'a tool caught the failure',
    evidence({
      sandboxes: boxes({}),
      rows: { calls: [{ ...row, tool: 'box', output: 'done although its sandbox failed: done x' }] },
    }),
  ],
  ...(['listed', 'held', 'opening'] as const).map(
    (which) =>
      [
        'limits of sandboxes exceeded',
        `there were too many ${which}`,
        evidence({ sandboxes: boxes({ most: { listed: 6, held: 6, opening: 2, [which]: 7 } }) }),
      ] as const,
  ),
]

describe('the checks of a chaos run', () => {
  it.each(checks.map(({ name, find }) => [name, find] as const))('find no %s if nothing is wrong', (_, find) => {
    expect(find(evidence({}))).toEqual([])
    expect(find(evidence({ sandboxes: boxes({}) }))).toEqual([])
    const second = { ...call(request(output('done y'))), callId: 'b', tool: 'act' as const }
    const grades = [{ ...grade, parts: { calls: 2, wrote: 1, acted: 1, rows: 20, touched: 1 } }]
    const seen = [{ ...rollout, calls: [...rollout.calls, second] }]
    expect(find(evidence({ seen, rows: { ...actingRows, grades }, effects: [effect] }))).toEqual([])
  })

  it.each(broken)('find %s when %s', (name, _, broken) => {
    expect(checks.find((check) => check.name === name)?.find(broken)).toHaveLength(1)
  })

  it('are each seen to fail', () => {
    expect(checks.map(({ name }) => name).sort()).toEqual([...new Set(broken.map(([name]) => name))].sort())
  })

  it('count a score of 0 and sandboxes that are left only in a run with sandboxes', () => {
    expect(checksOf(evidence({})).map(({ name }) => name)).not.toContain('scores of broken sandboxes')
    expect(checksOf(evidence({ sandboxes: boxes({}) }))).toEqual(checks)
  })

  it('let a sandbox be removed after its grading has begun', () => {
    const check = checks.find(({ name }) => name === 'scores of broken sandboxes')
    expect(check?.find(evidence({ sandboxes: boxes({ boxes: [{ ...box, removedAt: 450 }] }) }))).toEqual([])
  })

  it('ignore a failure that only a killed process had', () => {
    const unrecorded = evidence({
      seen: [{ ...rollout, discarded: true, calls: [call(request(errorAnswer(503, 'database_unavailable')))] }],
      rows: { calls: [], rollouts: [], writes: [] },
      lives: [{ ...life, killedAt: 200, endedAt: 200 }],
    })
    const check = checks.find(({ name }) => name.startsWith('rollouts scored although'))
    expect(check?.find(unrecorded)).toEqual([])
  })
})
