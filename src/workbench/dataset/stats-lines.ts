import type { Spread } from './spread.ts'
import type { DatasetStats, ReferenceStats } from './stats.ts'

const barWidth = 30
const number = (value: number) => Math.round(value).toLocaleString('en-US')

/** What a dataset is made of, for a person, with small histograms. */
export function statsLines(stats: DatasetStats): string {
  const { rows, bytes, unreadable, unfit, tokens, toolTokens, messages } = stats
  const known = rows === 0 ? 0 : bytes / rows
  return [
    `rows              ${number(rows)}, ${number(known)} bytes each on average`,
    ...(unreadable > 0 ? [`                  ${number(unreadable)} lines hold no row`] : []),
    ...(unfit > 0 ? [`                  ${number(unfit)} rows are no item as schema/environment.ts says`] : []),
    ...(rows === 0 ? [] : ['', `tokens a row      ${summary(tokens)}, about ${number(tokens.sum)} in all`]),
    ...histogram(tokens),
    ...(toolTokens.most > 0 ? [`of them tools     ${summary(toolTokens)}`] : []),
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
    ...[...stats.references].flatMap(([name, values]) => referenceLines(name, values)),
  ].join('\n')
}

const summary = (spread: Spread) =>
  spread.least === spread.most
    ? number(spread.most)
    : `${number(spread.least)} to ${number(spread.most)}, half of them up to ${number(spread.quantile(0.5))}, 95 % up to ${number(spread.quantile(0.95))}`

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

function referenceLines(name: string, { values, lengths, numbers }: ReferenceStats): readonly string[] {
  const distinct = `${values.isFull ? 'more than ' : ''}${number(values.distinct)} different`
  const share = Math.round((numbers / values.count) * 100)
  const frequent = values.most(5).filter(([, count]) => count > 1)
  return [
    '',
    `reference ${name}: ${number(values.count)} values, ${distinct}, ${share} % numbers, ${summary(lengths)} characters`,
    ...barsOf(frequent.map(([text, count]) => [oneLine(text), count] as const)),
  ]
}

/** Cut by characters, and shown so that a terminal does nothing but show it. */
const oneLine = (text: string) => {
  const shown = JSON.stringify(text)
  return shown.length > 40 ? `${shown.slice(0, 39)}…` : shown
}
