import { type Asked, answerForms, type Unit } from './questions.ts'

/** A page's table: the header row first, labels in the first column. */
export type Cells = readonly (readonly string[])[]

/** A number (a fraction of 1 for a percentage), or `true` for yes and `false` for no. */
export type Answer = number | boolean

/**
 * Computes the answer to a question from the table of a page; undefined if the table lacks a row or column, which means
 * that it is the wrong page.
 */
export function computeAnswer(asked: Asked, cells: Cells): Answer | undefined {
  const [head = [], ...rows] = cells
  const row = (label: string | undefined) => rows.find(([first = '']) => first.toLowerCase() === label)
  const number = (of: readonly string[] | undefined, column: number | undefined) =>
    of === undefined || column === undefined ? undefined : parseCell(of[column])
  const years = head.flatMap((title, column) => {
    const year = /\b(?:19|20)\d\d\b/.exec(title)?.[0]
    return year === undefined ? [] : [{ year: Number(year), column }]
  })
  const byYear = years.toSorted((first, second) => second.year - first.year)
  const columnOf = (year: number | undefined, place: number) =>
    year === undefined ? byYear[place]?.column : byYear.find((each) => each.year === year)?.column
  const titled = (title: string | undefined) => {
    const at = head.findIndex((each) => each.toLowerCase() === title)
    return at < 0 ? undefined : at
  }

  const a = row(asked.a)
  const b = row(asked.b)
  const single = columnOf(asked.y1, 0)
  const later = number(a, columnOf(asked.y2, 0))
  const earlier = number(a, columnOf(asked.y1, 1))

  switch (asked.kind) {
    case 'change':
      return combine(later, earlier, (to, from) => (to - from) / from)
    case 'difference':
      return combine(later, earlier, (to, from) => to - from)
    case 'higher':
      return later === undefined || earlier === undefined ? undefined : later > earlier
    case 'average': {
      const [from, to] = [asked.y1 ?? byYear[1]?.year, asked.y2 ?? byYear[0]?.year]
      if (from === undefined || to === undefined || earlier === undefined || later === undefined) return undefined
      const within = byYear.filter(({ year }) => year >= from && year <= to)
      return within.reduce((sum, { column }) => sum + (number(a, column) ?? Number.NaN), 0) / within.length
    }
    case 'share':
    case 'ratio':
      return combine(number(a, single), number(b, single), (part, all) => part / all)
    case 'sum':
      return combine(number(a, single), number(b, single), (one, other) => one + other)
    case 'value':
      return number(a, single)
    case 'cost':
      return combine(number(a, 1), number(a, 2), (shares, price) => (shares * price) / 1e6)
    case 'spread':
      return combine(
        number(row(`${asked.a} quarter`), 1),
        number(row(`${asked.a} quarter`), 2),
        (high, low) => high - low,
      )
    case 'return':
      return combine(number(a, columnOf(asked.y2, 0)), 100, (last, first) => (last - first) / first)
    case 'maturity':
      return combine(number(a, 1), number(b, 1), (part, all) => part / all)
    case 'due':
      return combine(number(a, titled(asked.c)), number(a, titled('total')), (part, all) => part / all)
  }
}

/** The number in a cell; parentheses are a minus sign. Undefined for a cell without a number. */
export function parseCell(cell: string | undefined): number | undefined {
  const text = cell?.replace(/[$,%\s]/g, '') ?? ''
  const bare = text.replace(/^\((.*)\)$/, '-$1')
  return /^-?\d+(?:\.\d+)?$/.test(bare) ? Number(bare) : undefined
}

/**
 * Formats an answer in full precision, in the form that the question asks for: `12.3456%`, `yes`, a plain number, or an
 * amount with its unit if the question names none.
 *
 * @param unit the unit of the table's amounts.
 */
export function formatAnswer(asked: Asked, answer: Answer, unit: Unit): string {
  if (typeof answer === 'boolean') return answer ? 'yes' : 'no'
  switch (answerForms[asked.kind]) {
    case 'percent':
      return `${plain(answer * 100)}%`
    case 'amount':
      if (asked.unit === undefined) return `$${plain(answer)} ${asked.kind === 'cost' ? 'million' : unit.slice(0, -1)}`
      return plain(answer)
    default:
      return plain(answer)
  }
}

/** The unit of a page's amounts, read from the prose above the table. */
export function unitOf(text: string): Unit {
  return /\bin thousands\b/i.test(text) ? 'thousands' : 'millions'
}

const plain = (value: number): string => String(Number(value.toFixed(8)))

function combine(a: number | undefined, b: number | undefined, how: (a: number, b: number) => number) {
  if (a === undefined || b === undefined) return undefined
  const result = how(a, b)
  return Number.isFinite(result) ? result : undefined
}
