/** A number that only grows. */
export interface Counter {
  /** Adds 1, or another number that is not negative. */
  add(value?: number): void
}

/** Counts values in buckets, with their sum. */
export interface Histogram {
  observe(value: number): void
  /** How many values are in each bucket so far; the last is that of values above all edges. */
  counts(): readonly number[]
}

/** The metrics of a kind, one for each combination of the values of its labels. */
export interface Family<Metric> {
  /**
   * The metric with these values of the labels, in the order of their names. It is made when it is asked for first; keep it
   * where it is needed often.
   */
  of(...values: readonly string[]): Metric
}

/** A number that is read when the metrics are, with the values of its labels. */
export type Reading = readonly [value: number, ...labels: readonly string[]]

/** Reads the values of a metric. */
export type Read = () => Iterable<Reading> | Promise<Iterable<Reading>>

/** The metrics of a process, in the text format of Prometheus. */
export interface Metrics {
  /** @param name as Prometheus asks: a base unit, and `_total` at the end */
  counter(name: string, help: string, labels?: readonly string[]): Family<Counter>
  /** @param edges the upper ends of the buckets, in ascending order; the last bucket has none */
  histogram(name: string, help: string, edges: readonly number[], labels?: readonly string[]): Family<Histogram>
  /** A gauge whose values are read each time; without a reading it is left out. */
  gauge(name: string, help: string, labels: readonly string[], read: Read): void
  /** A counter that something else counts. */
  readCounter(name: string, help: string, labels: readonly string[], read: Read): void
  /** All of them as text. */
  text(): Promise<string>
}

/** The content type of {@link Metrics.text}. */
export const metricsType = 'text/plain; version=0.0.4; charset=utf-8'

/** Creates an empty set of metrics. */
export function createMetrics(): Metrics {
  const families = new Map<string, () => Promise<string>>()
  const add = (name: string, kind: string, help: string, lines: () => string | Promise<string>) => {
    if (families.has(name)) throw new Error(`two metrics are named "${name}"`)
    families.set(name, async () => {
      const text = await lines()
      return text === '' ? '' : `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${kind}\n${text}`
    })
  }
  const readings = (name: string, labels: readonly string[], read: Read) => async () =>
    [...(await read())].map(([value, ...values]) => line(name, labelText(labels, values), value)).join('')

  return {
    counter(name, help, labels = []) {
      const { family, all } = createFamily(labels, createCounter)
      add(name, 'counter', help, () =>
        all()
          .map(([text, { value }]) => line(name, text, value()))
          .join(''),
      )
      return family
    },
    histogram(name, help, edges, labels = []) {
      const { family, all } = createFamily(labels, () => createHistogram(edges))
      add(name, 'histogram', help, () =>
        all()
          .map(([text, one]) => one.lines(name, text))
          .join(''),
      )
      return family
    },
    gauge: (name, help, labels, read) => add(name, 'gauge', help, readings(name, labels, read)),
    readCounter: (name, help, labels, read) => add(name, 'counter', help, readings(name, labels, read)),
    // What cannot be read now, such as from a database that is unavailable, is left out.
    text: async () => (await Promise.all([...families.values()].map((lines) => lines().catch(() => '')))).join(''),
  }
}

function createCounter() {
  let sum = 0
  return {
    value: () => sum,
    add(value = 1) {
      sum += value
    },
  }
}

function createHistogram(edges: readonly number[]) {
  const counts = edges.map(() => 0)
  let count = 0
  let sum = 0
  return {
    observe(value: number) {
      count += 1
      sum += value
      let at = 0
      for (const edge of edges) {
        if (value <= edge) {
          counts[at] = (counts[at] ?? 0) + 1
          return
        }
        at += 1
      }
    },
    counts(): readonly number[] {
      const within = counts.reduce((sum, one) => sum + one, 0)
      return [...counts, count - within]
    },
    lines(name: string, labels: string): string {
      let below = 0
      const buckets = edges.map((edge, at) => {
        below += counts[at] ?? 0
        return line(`${name}_bucket`, joined(labels, `le="${numberText(edge)}"`), below)
      })
      const last = line(`${name}_bucket`, joined(labels, 'le="+Inf"'), count)
      return `${buckets.join('')}${last}${line(`${name}_sum`, labels, sum)}${line(`${name}_count`, labels, count)}`
    },
  }
}

/** Metrics by their labels. A family without labels has its one metric from the start, at 0. */
function createFamily<Metric>(labels: readonly string[], create: () => Metric) {
  const metrics = new Map<string, Metric>()
  const of = (...values: readonly string[]): Metric => {
    const text = labelText(labels, values)
    const known = metrics.get(text)
    if (known !== undefined) return known
    const made = create()
    metrics.set(text, made)
    return made
  }
  if (labels.length === 0) of()
  return { family: { of }, all: () => [...metrics] }
}

const labelText = (labels: readonly string[], values: readonly string[]) =>
  labels.map((label, at) => `${label}="${escapeLabel(values[at] ?? '')}"`).join(',')

const joined = (labels: string, more: string) => (labels === '' ? more : `${labels},${more}`)

const line = (name: string, labels: string, value: number) =>
  `${name}${labels === '' ? '' : `{${labels}}`} ${numberText(value)}\n`

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

const escapeHelp = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
const escapeLabel = (text: string) => escapeHelp(text).replaceAll('"', '\\"')

/** Makes the function that gives a name as a label: of all names, the first ones as they are and further ones as `other`. */
export function createNames(known: Iterable<string> = [], most = 20): (name: string) => string {
  const names = new Set<string>()
  const nameOf = (name: string): string => {
    if (names.has(name)) return name
    if (names.size >= most) return 'other'
    names.add(name)
    return name
  }
  for (const name of known) nameOf(name)
  return nameOf
}
