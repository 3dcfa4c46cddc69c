import type { Random } from '../../src/workbench/simulate/random.ts'
import type { Company } from './companies.ts'
import type { Figures } from './figures.ts'
import type { Asked } from './questions.ts'

/** The content of a page: a heading, a table, and what can be asked about it. */
export interface Sheet {
  readonly heading: string
  /** Additional prose before the table. */
  readonly remarks: readonly string[]
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Whether amounts are in the company's unit, which the page then states. */
  readonly money: boolean
  /** Everything that can be asked; with years if the columns are years. */
  readonly asks: readonly Asked[]
}

/** What a sheet is generated from. */
export interface Place {
  readonly company: Company
  readonly figures: Figures
  readonly year: number
  readonly random: Random
}

/** A row of a table whose columns are years. */
export interface YearRow {
  readonly label: string
  readonly at: (year: number) => number
  /** The row that this one is a part of. */
  readonly of?: string
  /** No questions are asked about this row. */
  readonly quiet?: boolean
}

/** Formats an amount, given in whole units of the company's reports, as in its tables. */
export function amount(company: Company, value: number): string {
  const text = company.unit === 'millions' ? grouped(Math.abs(value) / 10, 1) : grouped(Math.abs(value), 0)
  return value < 0 ? `(${text})` : text
}

/** Formats a number of at least 0 with thousands separators. */
export function grouped(value: number, decimals: number): string {
  const [whole = '', rest] = value.toFixed(decimals).split('.')
  const commas = whole.replace(/\d(?=(?:\d{3})+$)/g, '$&,')
  return rest === undefined ? commas : `${commas}.${rest}`
}

/** A table of `count` years, the latest first, and what can be asked about it. */
export function yearSheet(
  { company, year, random }: Place,
  {
    heading,
    rows,
    count,
    remarks = [],
  }: { heading: string; rows: readonly YearRow[]; count: number; remarks?: string[] },
): Sheet {
  const years = Array.from({ length: count }, (_, back) => year - back)
  const asks: Asked[] = []
  const spoken = rows.filter((row) => !row.quiet)
  for (const row of spoken) {
    const a = row.label
    const [y1, y2] = [year - random.whole(1, count - 1), year]
    const grown = row.at(y1) > 0 && row.at(year - 1) > 0 && row.at(y2) > 0
    if (grown) asks.push({ kind: 'change', a, y1, y2 }, { kind: 'change', a, y1: year - 1, y2 })
    asks.push({ kind: 'difference', a, y1: year - 1, y2 }, { kind: 'value', a, y1: year })
    asks.push({ kind: 'average', a, y1, y2 })
    if (random.chance(0.3)) asks.push({ kind: 'higher', a, y1: year - 1, y2 })
    if (row.of !== undefined && row.at(year) > 0) {
      asks.push({ kind: 'share', a, b: row.of, y1: year }, { kind: 'share', a, b: row.of, y1: year })
    }
    const other = spoken.find((each) => each !== row && each.of === row.of && each.at(year) > 0)
    if (other && row.at(year) > 0) {
      asks.push({ kind: 'ratio', a, b: other.label, y1: year }, { kind: 'sum', a, b: other.label, y1: year })
    }
  }
  return {
    heading,
    remarks,
    head: ['', ...years.map(String)],
    rows: rows.map((row) => [row.label, ...years.map((each) => amount(company, row.at(each)))]),
    money: true,
    asks,
  }
}
