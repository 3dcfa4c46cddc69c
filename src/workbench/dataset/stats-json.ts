import type { Spread } from './spread.ts'
import type { DatasetStats } from './stats.ts'

/** What a dataset is made of, as JSON. */
export function statsJson(stats: DatasetStats): object {
  const { rows, unreadable, unfit, bytes } = stats
  return {
    ...{ rows, unreadable, unfit, bytes },
    tokens: spreadJson(stats.tokens),
    toolTokens: spreadJson(stats.toolTokens),
    messages: spreadJson(stats.messages),
    messageTokens: mapped(stats.lengths, spreadJson),
    fields: mapped(stats.fields, (field) => ({ rows: field.rows, kinds: Object.fromEntries(field.kinds) })),
    references: mapped(stats.references, ({ values, lengths, numbers }) => ({
      ...{ values: values.count, numbers, characters: spreadJson(lengths) },
      ...{ distinct: values.distinct, distinctIsLeast: values.isFull },
      mostFrequent: values.most(10).map(([value, count]) => ({ value, count })),
    })),
  }
}

const spreadJson = (spread: Spread) => ({
  ...{ sum: spread.sum, least: spread.least, most: spread.most, p50: spread.quantile(0.5), p95: spread.quantile(0.95) },
  histogram: spread.histogram(8),
})

const mapped = <T>(map: ReadonlyMap<string, T>, change: (value: T) => object) =>
  Object.fromEntries([...map].map(([name, value]) => [name, change(value)]))
