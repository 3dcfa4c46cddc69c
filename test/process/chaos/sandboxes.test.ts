import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describeReport, reportOf } from '../../../chaos/report.ts'
import { runChaos } from '../../../chaos/run.ts'
import { isSandboxFault, kindsOf } from '../../../chaos/schedule.ts'

const options = { minutes: 0.15, seed: 'boxes', replicas: 2, burst: 24, pgbouncer: false, sandboxes: true }
const path = process.env['PATH'] ?? ''
const hasBubblewrap = path.split(delimiter).some((folder) => existsSync(join(folder, 'bwrap')))

/** The counts that must be above zero, or the checks prove nothing. */
const happened = ['scored rollouts', 'calls in sandboxes recorded as ok', 'commands run in them']

describe.skipIf(!hasBubblewrap)('two replicas with sandboxes under every kind of fault of sandboxes', () => {
  it('create each sandbox once, run each command once, and leave none and no wrong score', async () => {
    const kinds = kindsOf(options).filter(isSandboxFault)
    const watcher = { say: () => {}, show: () => {} }
    const run = await runChaos(options, path, watcher, undefined, kinds)
    const report = reportOf(run)
    const text = describeReport(report, run, options)
    const violated = report.verdicts.filter(({ violations }) => violations.length > 0)
    expect(
      violated.map(({ name }) => name),
      text,
    ).toEqual([])
    expect(
      happened.filter((name) => !((report.counts.get(name) ?? 0) > 0)),
      text,
    ).toEqual([])
    // Which faults find a victim depends on the machine.
    expect(run.injected.size, text).toBeGreaterThanOrEqual(kinds.length / 2)
  }, 240_000)
})
