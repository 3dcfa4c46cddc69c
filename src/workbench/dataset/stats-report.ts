import type { Spread } from './distributions.ts'
import type { ReferenceStats } from './reference-stats.ts'
import type { DatasetStats } from './stats.ts'

const barWidth = 30
const number = (value: number) => Math.round(value).toLocaleString('en-US')

/** Formats the measures of a dataset for a person, with small histograms. */
export function statsText(stats: DatasetStats): string {
  const { rows, bytes, unreadable, unfit, tokens, toolTokens, messages } = stats
  const known = rows === 0 ? 0 : bytes / rows
  return [
    `rows              ${number(rows)}, ${number(known)} bytes each on average`,
    ...(unreadable > 0 ? [`                  ${number(unreadable)} lines do not hold a row`] : []),
    ...(unfit > 0
      ? [`                  ${number(unfit)} rows are not items as schema/environment.ts defines them`]
      : []),
    ...(rows === 0 ? [] : ['', `tokens a row      ${summary(tokens)}, about ${number(tokens.sum)} in all`]),
    ...histogram(tokens),
    ...(toolTokens.most > 0 ? [`tools, of these   ${summary(toolTokens)}`] : []),
    ...(rows === 0 ? [] : ['', `messages a row    ${summary(messages)}`]),
    ...[...stats.lengths].flatMap(([role, lengths]) => [
      `${`tokens, ${role}`.padEnd(18)}${summary(lengths)}`,
      ...histogram(lengths),
    ]),
    ...(rows === 0 ? [] : ['', 'fields']),
    ...[...stats.fields].map(([name, field]) => {
      const kinds = [...field.kinds.keys()].join(' or ')
      return `  ${name.padEnd(22)} ${number(field.rows)} rows, ${kinds}`
    }),
    ...referencesText([...stats.references.paths]),
  ].join('\n')
}

const summary = (spread: Spread) =>
  spread.least === spread.most
    ? number(spread.most)
    : `${number(spread.least)} to ${number(spread.most)}, median ${number(spread.quantile(0.5))}, 95 % up to ${number(spread.quantile(0.95))}`

function histogram(spread: Spread): readonly string[] {
  if (spread.least === spread.most) return []
  return barsOf(
    spread.histogram(8).map(({ from, to, count }) => [`${number(from)} to ${number(to - 1)}`, count] as const),
  )
}

function barsOf(rows: readonly (readonly [label: string, count: number])[]): readonly string[] {
  const most = Math.max(...rows.map(([, count]) => count))
  const width = Math.max(...rows.map(([label]) => label.length))
  return rows.map(([label, count]) => {
    const bar = '█'.repeat(Math.ceil((count / most) * barWidth))
    return `    ${label.padStart(width)}  ${bar.padEnd(barWidth)} ${number(count)}`
  })
}

type NamedReference = readonly [path: string, stats: ReferenceStats]

/** Paths that are shown. */
const maxPaths = 30

/** Fields of the reference have their most frequent values below them; nested values have one line each. */
function referencesText(references: readonly NamedReference[]): readonly string[] {
  const isNested = ([path]: NamedReference) => /[.[]/.test(path)
  const nested = references.filter(isNested)
  const width = Math.min(40, Math.max(0, ...nested.map(([path]) => path.length)))
  const left = nested.length - maxPaths
  return [
    ...references.filter((one) => !isNested(one)).flatMap(([path, stats]) => fieldText(path, stats)),
    ...(nested.length > 0 ? ['', 'nested in the reference'] : []),
    ...nested.slice(0, maxPaths).map(([path, stats]) => `  ${path.padEnd(width)}  ${valuesText(stats)}`),
    ...(left > 0 ? [`  and ${number(left)} more paths; --json shows all`] : []),
  ]
}

function fieldText(name: string, stats: ReferenceStats): readonly string[] {
  const frequent = stats.values.most(5).filter(([, count]) => count > 1)
  const bars = barsOf(frequent.map(([text, count]) => [oneLine(text), count] as const))
  return ['', `reference ${name}: ${valuesText(stats)}`, ...bars]
}

function valuesText({ values, lengths, numbers }: ReferenceStats): string {
  const distinct = `${values.isFull ? 'more than ' : ''}${number(values.distinct)} different`
  const share = Math.round((numbers / values.count) * 100)
  return `${number(values.count)} values, ${distinct}, ${share} % numbers, ${summary(lengths)} characters`
}

/** Short, on one line, without control characters. */
const oneLine = (text: string) => {
  const shown = JSON.stringify(text)
  return shown.length > 40 ? `${shown.slice(0, 39)}…` : shown
}

/** The measures of a dataset as a JSON value. */
export function statsJson(stats: DatasetStats): object {
  const { rows, unreadable, unfit, bytes } = stats
  return {
    rows,
    unreadable,
    unfit,
    bytes,
    tokens: spreadJson(stats.tokens),
    toolTokens: spreadJson(stats.toolTokens),
    messages: spreadJson(stats.messages),
    messageTokens: mapped(stats.lengths, spreadJson),
    fields: mapped(stats.fields, (field) => ({ rows: field.rows, kinds: Object.fromEntries(field.kinds) })),
    references: mapped(stats.references.paths, ({ values, lengths, numbers }) => ({
      values: values.count,
      numbers,
      characters: spreadJson(lengths),
      distinct: values.distinct,
      distinctIsLeast: values.isFull,
      mostFrequent: values.most(10).map(([value, count]) => ({ value, count })),
    })),
  }
}

const spreadJson = (spread: Spread) => ({
  sum: spread.sum,
  least: spread.least,
  most: spread.most,
  p50: spread.quantile(0.5),
  p95: spread.quantile(0.95),
  histogram: spread.histogram(8),
})

const mapped = <T>(map: ReadonlyMap<string, T>, change: (value: T) => object) =>
  Object.fromEntries([...map].map(([name, value]) => [name, change(value)]))
