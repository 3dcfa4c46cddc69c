import { describe, expect, it } from 'vitest'
import { checks } from '../../../chaos/checks/all.ts'
import type { Evidence } from '../../../chaos/evidence.ts'
import {
  attempt,
  call,
  errorAnswer,
  evidence,
  grade,
  life,
  output,
  rollout,
  row,
  score,
} from '../../support/chaos/evidence.ts'

const acting = { ...row, tool: 'act', callId: 'b', seq: 2, output: 'done y' }
const actingRows = {
  calls: [row, acting],
  rollouts: [{ id: 'r', calls: 2, wrote: 1, acted: 1 }],
}
const effect = { rolloutId: 'r', callId: 'b', attempt: 1, nonce: 'y' }

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
    evidence({ seen: [{ ...rollout, calls: [call(attempt(output('done x')), attempt(output('done z')))] }] }),
  ],
  [
    '4xx or refusals for our failures',
    'a call was answered with 409',
    evidence({ seen: [{ ...rollout, calls: [call(attempt(errorAnswer(409, 'call_id_reused')))] }] }),
  ],
  [
    '4xx or refusals for our failures',
    'the model reads about a failure of the server',
    evidence({ seen: [{ ...rollout, calls: [call(attempt(output('the database is unavailable')))] }] }),
  ],
  [
    'requests that were never answered',
    'no attempt was answered',
    evidence({ seen: [{ ...rollout, calls: [call(attempt({ kind: 'unanswered' }))] }] }),
  ],
  [
    'requests dropped by a graceful shutdown',
    'a connection was lost long after its request began',
    evidence({
      seen: [{ ...rollout, calls: [call(attempt({ kind: 'lost', reason: 'ECONNRESET' }, 1_000, 3_000))] }],
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
    'external effects repeated without a new attempt number',
    'two executions had the number of the first attempt',
    evidence({ rows: actingRows, effects: [effect, { ...effect, nonce: 'z' }] }),
  ],
  ['external calls recorded without their effect', 'nothing happened', evidence({ rows: actingRows })],
  [
    'external calls recorded without their effect',
    'the output is that of another attempt',
    evidence({ rows: actingRows, effects: [{ ...effect, attempt: 2 }] }),
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
      seen: [{ ...rollout, discarded: true, calls: [call(attempt(errorAnswer(503, 'database_unavailable')))] }],
      rows: { calls: [], rollouts: [], writes: [] },
    }),
  ],
  [
    'gradings answered with two scores',
    'a retry got another score',
    evidence({
      seen: [{ ...rollout, gradings: [{ sample: 's', attempts: [attempt(score(0.5)), attempt(score(0.6))] }] }],
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
    evidence({ rows: { grades: [{ ...grade, parts: { calls: 0, wrote: 0, acted: 0 } }] } }),
  ],
]

describe('the checks of a chaos run', () => {
  it.each(checks.map(({ name, find }) => [name, find] as const))('find no %s if nothing is wrong', (_, find) => {
    expect(find(evidence({}))).toEqual([])
    expect(find(evidence({ rows: actingRows, effects: [effect] }))).toEqual([])
  })

  it.each(broken)('find %s when %s', (name, _, broken) => {
    expect(checks.find((check) => check.name === name)?.find(broken)).toHaveLength(1)
  })

  it('are each seen to fail', () => {
    expect(checks.map(({ name }) => name).sort()).toEqual([...new Set(broken.map(([name]) => name))].sort())
  })

  it('ignore a failure that only a killed process had', () => {
    const unrecorded = evidence({
      seen: [{ ...rollout, discarded: true, calls: [call(attempt(errorAnswer(503, 'database_unavailable')))] }],
      rows: { calls: [], rollouts: [], writes: [] },
      lives: [{ ...life, killedAt: 200, endedAt: 200 }],
    })
    const check = checks.find(({ name }) => name.startsWith('rollouts scored although'))
    expect(check?.find(unrecorded)).toEqual([])
  })
})
