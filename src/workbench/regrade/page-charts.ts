import type { RegradingReport } from '../../ledger/reports/regrading-report.ts'
import { whole } from './words.ts'

type Histogram = RegradingReport['histogram']

const side = 300
const left = 46
const bottom = 40

/**
 * A picture (SVG) of scores before, to the right, and after, upwards: a disc for each pair of tenths, its area as its count.
 * On the line nothing changed.
 */
export function scatter({ pairs, before, from, to }: Histogram): string {
  const cell = side / before.length
  const most = Math.max(1, ...pairs.map(([, , count]) => count))
  const discs = pairs.map(([was, now, count]) => {
    const kind = now > was ? 'up' : now < was ? 'down' : 'same'
    const radius = Math.max(2, (cell / 2 - 1) * Math.sqrt(count / most))
    const [x, y] = [left + (was + 0.5) * cell, side - (now + 0.5) * cell + 8]
    return `<circle class="${kind}" cx="${x}" cy="${y}" r="${radius.toFixed(1)}"><title>${whole(count)} rollouts</title></circle>`
  })
  const grid = before.map((_, at) => {
    const step = at * cell
    return `<path class="grid" d="M${left + step} 8v${side}M${left} ${8 + step}h${side}"/>`
  })
  return svg('Scores before and after', [
    ...grid,
    `<path class="axis" d="M${left} ${side + 8}L${left + side} 8"/>`,
    ...discs,
    ...axes(from, to),
    `<text x="${left + side / 2}" y="${side + bottom + 4}" text-anchor="middle">before</text>`,
    `<text transform="translate(14 ${side / 2 + 8}) rotate(-90)" text-anchor="middle">after</text>`,
  ])
}

/** A picture (SVG) of how many scores lie in each tenth, before and after side by side. */
export function histogram({ before, after, from, to }: Histogram): string {
  const cell = side / before.length
  const most = Math.max(1, ...before, ...after)
  const bar = (kind: string, count: number, x: number) => {
    const height = (count / most) * (side - 10)
    const shape = `x="${x.toFixed(1)}" y="${(side + 8 - height).toFixed(1)}" width="${(cell / 2 - 2).toFixed(1)}"`
    return `<rect class="${kind}" ${shape} height="${height.toFixed(1)}"><title>${whole(count)} rollouts</title></rect>`
  }
  const bars = before.flatMap((count, at) => [
    bar('was', count, left + at * cell + 2),
    bar('now', after[at] ?? 0, left + (at + 0.5) * cell),
  ])
  return svg('How many rollouts have which score', [
    ...bars,
    ...axes(from, to, `${whole(most)}`),
    `<text x="${left + side / 2}" y="${side + bottom + 4}" text-anchor="middle">score</text>`,
  ])
}

function axes(from: number, to: number, top = number(to)): string[] {
  const foot = side + 24
  return [
    `<path class="axis" d="M${left} 8v${side}h${side}"/>`,
    `<text x="${left}" y="${foot}" text-anchor="middle">${number(from)}</text>`,
    `<text x="${left + side}" y="${foot}" text-anchor="middle">${number(to)}</text>`,
    `<text x="${left - 6}" y="14" text-anchor="end">${top}</text>`,
  ]
}

const number = (value: number) => String(Number(value.toPrecision(3)))

function svg(title: string, content: readonly string[]): string {
  const [width, height] = [left + side + 20, side + bottom + 12]
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">${content.join('')}</svg>`
}
