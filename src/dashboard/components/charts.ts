import { html } from 'hono/html'
import type { Html } from './page.ts'
import { colourCount } from './style.ts'

/** A line of a {@link lineChart}: a name and its points, in the order of x. */
export interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  /** Shows dots without a connecting line. */
  readonly isDots?: boolean
}

/** The distributions of scores before and after a change, in buckets of equal width between `from` and `to`. */
export interface Distributions {
  readonly from: number
  readonly to: number
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** How many scores moved from each bucket to each other. */
  readonly pairs: readonly (readonly [before: number, after: number, count: number])[]
}

const [width, height] = [360, 260]
const [left, right, top, bottom] = [46, 14, 10, 40]
const [plotWidth, plotHeight] = [width - left - right, height - top - bottom]

/** The coordinates of a fraction of the axis, from 0 to 1. */
const across = (share: number) => (left + share * plotWidth).toFixed(1)
const up = (share: number) => (top + (1 - share) * plotHeight).toFixed(1)

/** Lines over training steps; y begins at 0 or below. */
export function lineChart(title: string, lines: readonly Line[]): Html {
  const drawn = lines.filter(({ points }) => points.length > 0)
  const ys = drawn.flatMap(({ points }) => points.map(([, y]) => y))
  const last = Math.max(1, ...drawn.flatMap(({ points }) => points.map(([x]) => x)))
  const low = Math.min(0, ...ys)
  const high = niceAbove(Math.max(low + 1e-9, ...ys))
  const marks = drawn.map(({ points, isDots }, at) => {
    const places = points.map(([x, y]) => [across(x / last), up((y - low) / (high - low))] as const)
    const dots = places.map(([x, y]) => html`<circle class="${colour(at)}" cx="${x}" cy="${y}" r="3"/>`)
    if (isDots) return dots
    return [html`<polyline class="${colour(at)}" points="${places.map((place) => place.join(',')).join(' ')}"/>`, dots]
  })
  const keys = drawn.map(({ name }, at) => [colour(at), name] as const)
  return chart({ title, keys, x: [0, Math.round(last / 2), last], y: [low, (low + high) / 2, high], marks })
}

/** The number of scores in each bucket, before and after side by side. */
export function histogram(title: string, { from, to, before, after }: Distributions): Html {
  const most = Math.max(1, ...before, ...after)
  const cell = 1 / before.length
  const bar = (kind: string, count: number, at: number) => {
    const size = html`width="${((cell / 2) * plotWidth - 2).toFixed(1)}" height="${((count / most) * plotHeight).toFixed(1)}"`
    const note = html`<title>${count.toLocaleString('en-US')} rollouts</title>`
    return html`<rect class="${kind}" x="${across(at)}" y="${up(count / most)}" ${size}>${note}</rect>`
  }
  const bars = before.map((count, at) => [bar('was', count, at * cell), bar('now', after[at] ?? 0, (at + 0.5) * cell)])
  const keys = [
    ['was', 'before'],
    ['now', 'after'],
  ] as const
  return chart({ title, keys, x: [from, to], y: [0, most], marks: bars, names: ['score', 'rollouts'] })
}

/**
 * Scores before (x) and after (y): a disc for each pair of buckets, with its area proportional to the count. Scores on the
 * diagonal did not change.
 */
export function scatter(title: string, { from, to, before, pairs }: Distributions): Html {
  const cell = 1 / before.length
  const most = Math.max(1, ...pairs.map(([, , count]) => count))
  const discs = pairs.map(([was, now, count]) => {
    const kind = now > was ? 'up' : now < was ? 'down' : 'same'
    const radius = Math.max(2, ((cell * plotHeight) / 2 - 1) * Math.sqrt(count / most)).toFixed(1)
    const note = html`<title>${count.toLocaleString('en-US')} rollouts</title>`
    const place = html`cx="${across((was + 0.5) * cell)}" cy="${up((now + 0.5) * cell)}"`
    return html`<circle class="${kind}" ${place} r="${radius}">${note}</circle>`
  })
  const same = html`<path class="axis" d="M${across(0)} ${up(0)}L${across(1)} ${up(1)}"/>`
  const keys = [
    ['up', 'higher'],
    ['down', 'lower'],
    ['same', 'the same tenth'],
  ] as const
  const marks = [same, html`<g class="scatter">${discs}</g>`]
  return chart({ title, keys, x: [from, to], y: [from, to], marks, names: ['before', 'after'] })
}

interface Chart {
  readonly title: string
  /** Classes of marks, and what they mean. */
  readonly keys: readonly (readonly [kind: string, name: string])[]
  /** The values at the ends of the axes, least first. */
  readonly x: readonly number[]
  readonly y: readonly number[]
  readonly marks: readonly (Html | readonly (Html | readonly Html[])[])[]
  /** What the axes measure. */
  readonly names?: readonly [x: string, y: string]
}

/** The frame of every chart: title and keys, grid, axes with their values, and the marks. */
function chart({ title, keys, x, y, marks, names }: Chart): Html {
  const share = (values: readonly number[], value: number) => {
    const [least = 0, greatest = 1] = [values[0], values.at(-1)]
    return greatest === least ? 0 : (value - least) / (greatest - least)
  }
  const grid = y.map((value) => {
    const at = up(share(y, value))
    return html`<path class="grid" d="M${left} ${at}h${plotWidth}"/><text x="${left - 6}" y="${at}" dy="4" text-anchor="end">${label(value)}</text>`
  })
  const foot = x.map(
    (value) =>
      html`<text x="${across(share(x, value))}" y="${height - 24}" text-anchor="middle">${label(value)}</text>`,
  )
  const axes = html`<path class="axis" d="M${left} ${top}v${plotHeight}h${plotWidth}"/>`
  const named = names && [
    html`<text x="${left + plotWidth / 2}" y="${height - 6}" text-anchor="middle">${names[0]}</text>`,
    html`<text transform="translate(12 ${top + plotHeight / 2}) rotate(-90)" text-anchor="middle">${names[1]}</text>`,
  ]
  const legend = keys.map(
    ([kind, name]) =>
      html`<span class="key"><svg viewBox="0 0 10 10" aria-hidden="true"><circle class="${kind}" cx="5" cy="5" r="5"/></svg>${name}</span>`,
  )
  return html`<figure><figcaption><b>${title}</b>${legend}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">${grid}${foot}${marks}${axes}${named ?? ''}</svg></figure>
`
}

const colour = (at: number) => `c${at % colourCount}`

/** The next number of the form 1, 2, 2.5 or 5 times a power of ten. */
function niceAbove(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)))
  return unit * ([1, 2, 2.5, 5, 10].find((step) => step * unit >= value * 0.999) ?? 10)
}

const label = (value: number) => Number(value.toPrecision(3)).toLocaleString('en-US')
