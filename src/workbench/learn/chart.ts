/** A line of a chart: a name and its points, in the order of x. */
export interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  /** Dots alone instead of a line through them. */
  readonly isDots?: boolean
}

const [width, height] = [360, 220]
const [left, right, top, bottom] = [44, 12, 28, 28]
const colours = ['#2563eb', '#d97706', '#059669', '#dc2626', '#7c3aed', '#0891b2', '#be185d', '#4d7c0f']

/** Draws lines over steps as an SVG element, with a legend under its title; y begins at 0 or below. */
export function chart(title: string, lines: readonly Line[]): string {
  const drawn = lines.filter(({ points }) => points.length > 0)
  const xs = drawn.flatMap(({ points }) => points.map(([x]) => x))
  const ys = drawn.flatMap(({ points }) => points.map(([, y]) => y))
  const most = Math.max(1, ...xs)
  const low = Math.min(0, ...ys)
  const high = niceAbove(Math.max(low + 1e-9, ...ys))
  const x = (value: number) => left + (value / most) * (width - left - right)
  const y = (value: number) => height - bottom - ((value - low) / (high - low)) * (height - top - bottom)
  const grid = [0, 0.5, 1].map((share) => {
    const value = low + share * (high - low)
    const at = y(value).toFixed(1)
    return (
      `<line x1="${left}" x2="${width - right}" y1="${at}" y2="${at}" class="grid"/>` +
      `<text x="${left - 6}" y="${at}" dy="4" text-anchor="end">${label(value)}</text>`
    )
  })
  const steps = [0, Math.round(most / 2), most].map(
    (value) => `<text x="${x(value).toFixed(1)}" y="${height - 8}" text-anchor="middle">${value}</text>`,
  )
  const marks = drawn.map(({ points, isDots }, at) => {
    const colour = colours[at % colours.length]
    const places = points.map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`)
    const dots = places.map((place) => {
      const [cx, cy] = place.split(',')
      return `<circle cx="${cx}" cy="${cy}" r="${isDots ? 2.5 : 3}" fill="${colour}"/>`
    })
    const line = `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`
    return isDots ? dots.join('') : line + dots.join('')
  })
  const legend = drawn
    .map(({ name }, at) => `<span><i style="background:${colours[at % colours.length]}"></i>${escapeHtml(name)}</span>`)
    .join('')
  return (
    `<figure><figcaption><b>${escapeHtml(title)}</b>${legend}</figcaption>` +
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">` +
    `${grid.join('')}${steps.join('')}${marks.join('')}</svg></figure>`
  )
}

/** Text as it may stand in HTML. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)

/** The next of 1, 2, 2.5, 5 and their tenfolds. */
function niceAbove(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)))
  return unit * ([1, 2, 2.5, 5, 10].find((step) => step * unit >= value * 0.999) ?? 10)
}

const label = (value: number) => (Math.abs(value) >= 10 ? value.toFixed(0) : Number(value.toFixed(2)).toString())
