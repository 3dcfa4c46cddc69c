import { median } from './latencies.ts'

/** One measured line of a report. */
export interface Row {
  readonly name: string
  /** Answers a second; undefined where no rate was measured. */
  readonly rate?: number | undefined
  /** The ratio to the reference, for each round. */
  readonly ratios?: readonly number[] | undefined
  /** Milliseconds. */
  readonly p50?: number | undefined
  /** Milliseconds. */
  readonly p99?: number | undefined
  readonly errors?: number | undefined
  /** The target and whether it is reached. */
  readonly asked?: Asked | undefined
}

/** A target, in words, and whether it is reached. */
export interface Asked {
  readonly text: string
  readonly reached: boolean
}

const headings = ['a second', 'ratio', 'of rounds', 'p50 ms', 'p99 ms', 'errors']
const nameWidth = 40
const cellWidth = 11

/** The head of a report's table; `reference` names what the ratios refer to. */
export function formatHead(reference: string): string {
  return line('', [headings[0] ?? '', `of ${reference}`, ...headings.slice(2)], 'asked')
}

/** A row of a report's table: the ratio is the median of the rounds, beside the least and the greatest. */
export function formatRow({ name, rate, ratios = [], p50, p99, errors, asked }: Row): string {
  const short = (ratio: number) => ratio.toFixed(ratio < 10 ? 2 : 1)
  const spread = ratios.length > 1 ? `${short(Math.min(...ratios))}–${short(Math.max(...ratios))}` : ''
  const cells = [
    rate?.toFixed(rate < 100 ? 1 : 0) ?? '',
    ratios.length > 0 ? short(median(ratios)) : '',
    spread,
    p50?.toFixed(p50 < 1 ? 2 : 1) ?? '',
    p99?.toFixed(p99 < 1 ? 2 : 1) ?? '',
    errors === undefined ? '' : String(errors),
  ]
  return line(name, cells, asked === undefined ? '' : formatAsked(asked))
}

/** A target with a word on whether it is reached. */
export function formatAsked({ text, reached }: Asked): string {
  return `${text} asked: ${reached ? 'reached' : 'NOT REACHED'}`
}

/** A line of a table: a name and right-aligned cells. */
export function formatCells(name: string, cells: readonly string[]): string {
  return line(name, cells, '')
}

const line = (name: string, cells: readonly string[], end: string) =>
  `${name.padEnd(nameWidth)}${cells.map((cell) => cell.padStart(cellWidth)).join('')}  ${end}`.trimEnd()
