import { z } from 'zod'

/** The body of a request for metrics: the answers to verifications. */
export const metricsBody = z.object({ verify_responses: z.array(z.record(z.string(), z.unknown())) })

type Verified = z.infer<typeof metricsBody>['verify_responses'][number]

type Metrics = Readonly<Record<string, number>>

/** Metrics of each task, of all rollouts, and the headline of those. */
export interface AggregateMetrics {
  readonly group_level_metrics: readonly Metrics[]
  readonly agent_metrics: Metrics
  readonly key_metrics: Metrics
}

const taskColumn = '_ng_task_index'

/**
 * Describes the numbers of verified rollouts, `mean/reward` and so on, for each task and for all; the headline is the means.
 * The standard deviation is that of a sample, and 0 for one rollout.
 */
export function aggregateMetrics(verified: readonly Verified[]): AggregateMetrics {
  const tasks = new Map<number, Verified[]>()
  for (const one of verified) {
    const task = Number(one[taskColumn] ?? 0)
    tasks.set(task, [...(tasks.get(task) ?? []), one])
  }
  const groups = [...tasks].sort(([one], [other]) => one - other)
  const all = describe(verified)
  return {
    group_level_metrics: groups.map(([task, rollouts]) => ({
      [taskColumn]: task,
      num_rollouts: rollouts.length,
      ...describe(rollouts),
    })),
    agent_metrics: all,
    key_metrics: Object.fromEntries(Object.entries(all).filter(([name]) => name.startsWith('mean/'))),
  }
}

function describe(rollouts: readonly Verified[]): Metrics {
  const names = new Set(rollouts.flatMap((rollout) => Object.keys(rollout)))
  const described = [...names]
    .filter((name) => !name.startsWith('_ng_'))
    .flatMap((name) => {
      const values = rollouts.flatMap((rollout) => numberIn(rollout[name])).sort((one, other) => one - other)
      return values.length === 0
        ? []
        : statistics(values).map(([what, value]): [string, number] => [`${what}/${name}`, value])
    })
  return Object.fromEntries(described)
}

function numberIn(value: unknown): readonly number[] {
  if (typeof value === 'boolean') return [Number(value)]
  return typeof value === 'number' ? [value] : []
}

/** @param values in ascending order, at least one */
function statistics(values: readonly number[]): readonly (readonly [string, number])[] {
  const count = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / count
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const at = (place: number) => values[place] ?? mean
  return [
    ['mean', mean],
    ['max', at(count - 1)],
    ['min', at(0)],
    ['median', (at(Math.floor((count - 1) / 2)) + at(Math.ceil((count - 1) / 2))) / 2],
    ['std', count === 1 ? 0 : Math.sqrt(squares / (count - 1))],
  ]
}
