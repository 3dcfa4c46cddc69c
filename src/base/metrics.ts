/** A metric without labels or with these, in a fixed order. */
interface Family {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
}

/** Counts what happened, by label values. */
export interface Counter {
  add(values: readonly string[], amount?: number): void
}

/** Counts observed values in buckets, by label values. */
export interface Histogram {
  observe(values: readonly string[], value: number): void
}

/** Metrics in the text format of Prometheus. */
export interface Metrics {
  counter(name: string, help: string, labels?: readonly string[]): Counter
  histogram(name: string, help: string, labels: readonly string[], buckets: readonly number[]): Histogram
  /** A gauge that is read when the metrics are: each row has its label values and the value. */
  gauge(name: string, help: string, labels: readonly string[], read: () => Rows | Promise<Rows>): void
  /** Like a gauge, for a value that only rises. */
  readCounter(name: string, help: string, labels: readonly string[], read: () => Rows): void
  text(): Promise<string>
}

/** The label values and the value of each series. */
export type Rows = readonly (readonly [values: readonly string[], value: number])[]

/**
 * The most series of a metric: a label may have any text, such as the name of a tool that a model made up, and each series is
 * kept for ever. Further ones are counted as `other`.
 */
const mostSeries = 120

/** Creates an empty set of metrics. */
export function createMetrics(): Metrics {
  const writers: (() => string | Promise<string>)[] = []
  const names = new Set<string>()
  const register = (family: Family, type: string, write: () => string | Promise<string>): void => {
    if (names.has(family.name)) throw new Error(`two metrics are named "${family.name}"`)
    names.add(family.name)
    const head = `# HELP ${family.name} ${family.help}\n# TYPE ${family.name} ${type}\n`
    writers.push(async () => `${head}${await write()}`)
  }
  const readable = (family: Family, type: string, read: () => Rows | Promise<Rows>) =>
    register(family, type, async () => {
      const rows = await read()
      return rows.map(([values, value]) => line(family.name, labelText(family.labels, values), value)).join('')
    })
  return {
    counter(name, help, labels = []) {
      const family = { name, help, labels }
      const series = new Map<string, number>()
      register(family, 'counter', () => {
        if (labels.length === 0 && series.size === 0) return line(name, '', 0)
        return [...series].map(([text, value]) => line(name, text, value)).join('')
      })
      return {
        add(values, amount = 1) {
          const text = keyIn(series, labels, values)
          series.set(text, (series.get(text) ?? 0) + amount)
        },
      }
    },
    histogram(name, help, labels, buckets) {
      const family = { name, help, labels }
      const series = new Map<string, { readonly counts: number[]; count: number; sum: number }>()
      register(family, 'histogram', () =>
        [...series].map(([text, one]) => histogramText(name, text, buckets, one)).join(''),
      )
      return {
        observe(values, value) {
          const text = keyIn(series, labels, values)
          const one = series.get(text) ?? { counts: buckets.map(() => 0), count: 0, sum: 0 }
          series.set(text, one)
          one.count += 1
          one.sum += value
          const at = buckets.findIndex((edge) => value <= edge)
          if (at !== -1) one.counts[at] = (one.counts[at] ?? 0) + 1
        },
      }
    },
    gauge: (name, help, labels, read) => readable({ name, help, labels }, 'gauge', read),
    readCounter: (name, help, labels, read) => readable({ name, help, labels }, 'counter', read),
    async text() {
      return (await Promise.all(writers.map((write) => write()))).join('')
    },
  }
}

/** The labels of a series as text; beyond {@link mostSeries} they are `other`. */
function keyIn(series: ReadonlyMap<string, unknown>, labels: readonly string[], values: readonly string[]): string {
  const text = labelText(labels, values)
  if (series.size < mostSeries || series.has(text)) return text
  return labelText(
    labels,
    labels.map(() => 'other'),
  )
}

function labelText(labels: readonly string[], values: readonly string[]): string {
  return labels.map((name, at) => `${name}="${escaped(values[at] ?? '')}"`).join(',')
}

const escaped = (value: string) =>
  value.slice(0, 120).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

const line = (name: string, labels: string, value: number) =>
  `${name}${labels === '' ? '' : `{${labels}}`} ${numberOf(value)}\n`

const numberOf = (value: number) => (value === Number.POSITIVE_INFINITY ? '+Inf' : String(value))

function histogramText(
  name: string,
  labels: string,
  buckets: readonly number[],
  { counts, count, sum }: { readonly counts: readonly number[]; readonly count: number; readonly sum: number },
): string {
  const prefix = labels === '' ? '' : `${labels},`
  let below = 0
  const lines = buckets.map((edge, at) => {
    below += counts[at] ?? 0
    return line(`${name}_bucket`, `${prefix}le="${edge}"`, below)
  })
  return `${lines.join('')}${line(`${name}_bucket`, `${prefix}le="+Inf"`, count)}${line(`${name}_sum`, labels, sum)}${line(`${name}_count`, labels, count)}`
}
