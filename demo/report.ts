import type { PlayedRollout } from './trainer.ts'

/** The named components of a rollout's score, as the ledger has them. */
export type PartsOf = (rolloutId: string) => Readonly<Record<string, number>>

const columns = [
  'agent',
  'scored',
  'reward',
  'answer',
  'evidence',
  'efficiency',
  'calls',
  'retries',
  'p50 ms',
  'p95 ms',
]

/** A table of agents, best mean reward first, with a bar for the reward. */
export function reportTable(rollouts: readonly PlayedRollout[], partsOf: PartsOf): string {
  const agents = [...new Set(rollouts.map(({ agent }) => agent))]
  const rows = agents
    .map((agent) => {
      const played = rollouts.filter((rollout) => rollout.agent === agent)
      // A rollout without a score was discarded: it is no zero.
      const scored = played.filter((rollout) => rollout.reward !== undefined)
      const reward = mean(scored.map((rollout) => rollout.reward ?? 0))
      const part = (name: string) => mean(scored.map(({ id }) => partsOf(id)[name] ?? 0)).toFixed(2)
      const latencies = played.flatMap((rollout) => rollout.latencies).sort((a, b) => a - b)
      const cells = [
        agent,
        String(scored.length),
        reward.toFixed(2),
        part('answer'),
        part('evidence'),
        part('efficiency'),
        mean(played.map(({ calls }) => calls)).toFixed(1),
        String(played.reduce((sum, { retries }) => sum + retries, 0)),
        quantile(latencies, 0.5),
        quantile(latencies, 0.95),
      ]
      return { reward, cells }
    })
    .sort((a, b) => b.reward - a.reward)
  const widths = columns.map((column, at) =>
    Math.max(column.length, ...rows.map(({ cells }) => cells[at]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ')
  const bar = (reward: number) => '█'.repeat(Math.round(reward * 20))
  return [line(columns), ...rows.map(({ reward, cells }) => `${line(cells)}  ${bar(reward)}`)].join('\n')
}

const mean = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / Math.max(1, numbers.length)

function quantile(sorted: readonly number[], share: number): string {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  return value === undefined ? '–' : value.toFixed(0)
}
