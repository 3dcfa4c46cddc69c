import { describe, expect, it } from 'vitest'
import { describeReport, reportOf } from '../../chaos/report.ts'
import { runChaos } from '../../chaos/run.ts'
import { faultKinds } from '../../chaos/schedule.ts'

describe('three replicas under every kind of fault for three minutes', () => {
  it.each(['long-1', 'long-2'])(
    'keep every promise to a trainer that retries (seed %s)',
    async (seed) => {
      const options = { minutes: 3, seed, replicas: 3, burst: 300, pgbouncer: false, sandboxes: false }
      const run = await runChaos(options, process.env['PATH'] ?? '', { say: () => {}, show: () => {} })
      const report = reportOf(run)
      const violated = report.verdicts.filter(({ violations }) => violations.length > 0).map(({ name }) => name)
      expect(violated, describeReport(report, run, options)).toEqual([])
      expect([...run.injected.keys()].sort()).toEqual(Object.keys(faultKinds).sort())
    },
    600_000,
  )
})
