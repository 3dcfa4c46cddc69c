import { describe, expect, it } from 'vitest'
import { describeReport, reportOf } from '../../../chaos/report.ts'
import { runChaos } from '../../../chaos/run.ts'
import { faultKinds } from '../../../chaos/schedule.ts'

const options = { minutes: 0.35, seed: 'suite', replicas: 2, burst: 40, pgbouncer: false, sandboxes: false }

/** The counts that must be above zero, or the checks prove nothing. */
const happened = [
  'scored rollouts',
  'rollouts over NeMo Gym',
  'rollouts over ORS',
  'discarded rollouts',
  'retries',
  'sent before the first was answered',
  'answered with 5xx',
  'connections lost or refused',
  'calls answered more than once',
  'refused past the budget',
  'recorded after a failed execution',
  'effects in the database',
  'effects outside in a later execution',
]

describe('two replicas under every kind of fault', () => {
  it('keep every promise to a trainer that retries', async () => {
    const watcher = { say: () => {}, show: () => {} }
    const run = await runChaos(options, process.env['PATH'] ?? '', watcher)
    const report = reportOf(run)
    const { verdicts, counts } = report
    const text = describeReport(report, run, options)
    expect(
      verdicts.filter(({ violations }) => violations.length > 0).map(({ name }) => name),
      text,
    ).toEqual([])
    expect([...run.injected.keys()].sort()).toEqual(Object.keys(faultKinds).sort())
    expect(
      happened.filter((name) => !((counts.get(name) ?? 0) > 0)),
      text,
    ).toEqual([])
    expect(run.lives.length).toBeGreaterThan(options.replicas)
  }, 300_000)
})
