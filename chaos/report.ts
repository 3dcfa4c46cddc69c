import { cpus } from 'node:os'
import { checksOf } from './checks/all.ts'
import type { ChaosOptions } from './options.ts'
import type { ChaosRun } from './run.ts'
import { kindsOf } from './schedule.ts'
import { accepted } from './seen.ts'

/** The result of a run: each check with its violations, and counts of events. */
export interface Report {
  readonly verdicts: readonly { readonly name: string; readonly violations: readonly string[] }[]
  readonly counts: ReadonlyMap<string, number>
}

/** Checks a run and counts its events. */
export function reportOf(run: ChaosRun): Report {
  const verdicts = checksOf(run).map(({ name, find }) => ({ name, violations: find(run) }))
  const calls = run.seen.flatMap((rollout) => rollout.calls)
  const gradings = run.seen.flatMap((rollout) => rollout.gradings)
  const asked = [...calls, ...gradings]
  const requests = asked.flatMap((one) => one.requests)
  const answers = requests.map(({ answer }) => answer)
  const rows = run.rows.calls
  const counts = new Map<string, number>([
    ['rollouts', run.seen.length],
    ['scored rollouts', run.seen.filter((one) => one.gradings.some((g) => accepted(g.requests).length > 0)).length],
    ['rollouts over NeMo Gym', run.seen.filter(({ wire }) => wire === 'nemo-gym').length],
    ['rollouts over ORS', run.seen.filter(({ wire }) => wire === 'ors').length],
    ['discarded rollouts', run.seen.filter(({ discarded }) => discarded).length],
    ['discarded ones graded anyway', run.seen.filter((one) => one.discarded && one.gradings.length > 0).length],
    ['calls', calls.length],
    ['gradings', gradings.length],
    ['requests', requests.length],
    ['retries', requests.length - asked.length],
    ['sent before the first was answered', requests.filter(({ early }) => early).length],
    ['answered with 200', answers.filter((one) => one.kind === 'answered' && one.status === 200).length],
    ['answered with 5xx', answers.filter((one) => one.kind === 'answered' && one.status >= 500).length],
    ['connections lost or refused', answers.filter(({ kind }) => kind === 'lost').length],
    ['calls answered more than once', calls.filter((one) => accepted(one.requests).length > 1).length],
    ['recorded as ok', rows.filter(({ outcome }) => outcome === 'ok').length],
    ['recorded as refused', rows.filter(({ outcome }) => outcome === 'refused').length],
    ['refused past the budget', rows.filter(({ code }) => code === 'budget_used_up').length],
    ['recorded as failed', rows.filter(({ outcome }) => outcome === 'failed').length],
    [
      'recorded after a failed execution',
      rows.filter(({ outcome, execution }) => outcome === 'ok' && execution > 1).length,
    ],
    ['effects in the database', run.rows.writes.length],
    ['effects outside', new Set(run.effects.map(({ nonce }) => nonce)).size],
    ['effects outside in a later execution', run.effects.filter(({ execution }) => execution > 1).length],
    ['scores', run.rows.grades.filter(({ outcome }) => outcome === 'scored').length],
    ['gradings without a score', run.rows.grades.filter(({ outcome }) => outcome !== 'scored').length],
    ['processes that served', run.lives.length],
    ...sandboxCounts(run),
  ])
  return { verdicts, counts }
}

function sandboxCounts({ seen, rows, sandboxes }: ChaosRun): readonly (readonly [string, number])[] {
  if (sandboxes === undefined) return []
  const { boxes, most, killedCommands } = sandboxes
  const using = seen.filter(({ calls }) => calls.some(({ tool }) => tool === 'box'))
  return [
    ['rollouts with calls in a sandbox', using.length],
    [
      'calls in sandboxes recorded as ok',
      rows.calls.filter((one) => one.tool === 'box' && one.outcome === 'ok').length,
    ],
    ['sandboxes created', boxes.length],
    ['commands run in them', boxes.flatMap(({ lines }) => lines).length],
    ['sandboxes that were removed', boxes.filter(({ removedAt }) => removedAt !== undefined).length],
    ['commands that were killed', killedCommands],
    ['most sandboxes at once', most.listed],
    ['most places at once', most.held],
    ['most places of opening sandboxes', most.opening],
  ]
}

/** Whether no check found a violation. */
export const isSound = ({ verdicts }: Report) => verdicts.every(({ violations }) => violations.length === 0)

const shown = 5

/** The report as text: the machine, the faults, the counts and the checks. */
export function describeReport(report: Report, run: ChaosRun, options: ChaosOptions): string {
  const line = (name: string, count: number) => `  ${name.padEnd(54)} ${String(count).padStart(9)}`
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? process.arch}, Node ${process.versions.node}`
  const codes = new Map<string, number>()
  for (const { calls, gradings } of run.seen) {
    for (const { answer } of [...calls, ...gradings].flatMap(({ requests }) => requests)) {
      const code = answer.kind === 'answered' ? (answer.code ?? 'ok') : answer.kind === 'lost' ? answer.reason : 'none'
      codes.set(code, (codes.get(code) ?? 0) + 1)
    }
  }
  return [
    `seed ${options.seed}, ${options.minutes} min, ${options.replicas} replicas, bursts of ${options.burst}, ` +
      `${options.pgbouncer ? 'behind PgBouncer' : 'straight to Postgres'}${options.sandboxes ? ', with sandboxes' : ''}; ${machine}`,
    '\nFaults injected',
    ...kindsOf(options).map((kind) => line(kind, run.injected.get(kind) ?? 0)),
    '\nWhat happened',
    ...[...report.counts].map(([name, count]) => line(name, count)),
    '\nAnswers by code',
    ...[...codes].sort(([, a], [, b]) => b - a).map(([name, count]) => line(name, count)),
    '\nWhat must be 0',
    ...report.verdicts.flatMap(({ name, violations }) => [
      line(name, violations.length),
      ...violations.slice(0, shown).map((violation) => `      ${violation}`),
    ]),
  ].join('\n')
}
