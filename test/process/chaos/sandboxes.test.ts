import { existsSync, mkdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describeReport, reportOf } from '../../../chaos/report.ts'
import { runChaos } from '../../../chaos/run.ts'
import { commandsIn, killAll } from '../../../chaos/sandboxes/processes.ts'
import type { FaultKind } from '../../../chaos/schedule.ts'
import { createLocalProvider } from '../../../src/runtime/sandbox/local/local-provider.ts'
import { useFolder } from '../../support/temporary.ts'

const options = { minutes: 0.1, seed: 'boxes-51', replicas: 2, burst: 24, pgbouncer: false, sandboxes: true }
const path = process.env['PATH'] ?? ''
const folder = useFolder()
const hasBubblewrap = path.split(delimiter).some((folder) => existsSync(join(folder, 'bwrap')))

/** The faults of a short run; those that take longer are left to a long one. */
const kinds: readonly FaultKind[] = [
  'kill a replica before it records a sandbox',
  'kill a replica whose helper is frozen',
  'kill the helper process of a replica',
  'remove sandboxes',
  'kill commands in sandboxes',
]

/** The counts that must be above zero, or the checks prove nothing. */
const happened = ['scored rollouts', 'calls in sandboxes recorded as ok', 'commands run in them']

it.skipIf(!hasBubblewrap)(
  'the harness finds the processes of a running command, of its own sandboxes alone',
  async () => {
    const root = join(folder, 'sandboxes')
    const template = join(folder, 'template')
    mkdirSync(template)
    const provider = createLocalProvider({ folder: root })
    const never = new AbortController().signal
    const spec = { template, network: false, memoryMb: 64, pids: 16, diskMb: 8, ttlSeconds: 600 }
    const labels = { installation: 'found', rollout: '1', name: 'box', generation: '1' }
    const { handle } = await provider.create(spec, labels, never)
    const request = { key: 'found', argv: ['sleep', '600'], timeoutSeconds: 600, maxOutputBytes: 100 }
    const ended = provider.exec(handle, request, never).then(
      ({ exitCode }) => exitCode,
      () => 'failed',
    )
    const found = () => commandsIn(join(root, 'boxes')).get(handle) ?? []
    await expect.poll(() => found().length).toBeGreaterThan(0)
    expect(commandsIn(join(folder, 'other', 'boxes'))).toEqual(new Map())
    killAll(found())
    expect(await ended).not.toBe(0)
    await provider.close(handle, never)
    await provider.end()
  },
)

describe.skipIf(!hasBubblewrap)('two replicas with sandboxes whose processes and sandboxes are killed', () => {
  it('create each sandbox once, run each command once, and leave none and no wrong score', async () => {
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
