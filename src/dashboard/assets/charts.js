import uPlot from './uplot.js'

// The page names the curves, and one address has the numbers of all of them.
const root = document.querySelector('[data-curves]')
const figures = [...document.querySelectorAll('[data-series]')]
const colours = ['--accent', '--ok', '--refused', '--ungradable', '--failed', '--quiet']
const shown = (value) => (value === null || value === undefined ? '–' : String(Number(value.toPrecision(3))))

/** With an alpha: canvases take no `light-dark()`, so the computed colour of an element is used. */
function colourOf(name) {
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
const faded = (colour, alpha) => colour.replace(/^rgb\(([^)]+)\)$/, `rgba($1, ${alpha})`)

function bars(u, seriesIndex, from, to) {
  return uPlot.paths.bars({ size: [0.7, 40] })(u, seriesIndex, from, to)
}

function optionsOf(figure, names, curves, { width, height }) {
  const { kind, max, band } = figure.dataset
  const isTime = curves.axis === 'minute'
  const quiet = colourOf('--quiet')
  const line = colourOf('--line')
  const series = names.map(({ label, colour, dashed }) => {
    const stroke = colourOf(colours[colour] ?? '--accent')
    const isBar = kind === 'bars'
    const points = { show: (_, __, from, to) => to - from < 2 || dashed === true, size: 5, fill: stroke }
    return {
      label,
      stroke: isBar ? undefined : stroke,
      fill: isBar ? stroke : undefined,
      width: 1.8,
      dash: dashed ? [5, 4] : undefined,
      spanGaps: true,
      points,
      ...(isBar && { paths: bars, points: { show: false } }),
      value: (_, value) => shown(value),
    }
  })
  const bands = []
  if (band !== undefined) {
    const fill = faded(colourOf('--accent'), 0.13)
    const hidden = {
      stroke: 'transparent',
      width: 0,
      points: { show: false },
      spanGaps: true,
      value: (_, v) => shown(v),
    }
    series.push({ ...hidden, label: 'mean + spread' }, { ...hidden, label: 'mean − spread' })
    bands.push({ series: [series.length - 1, series.length], fill })
  }
  const axis = { stroke: quiet, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: '11px system-ui' }
  return {
    width,
    height,
    padding: [8, 8, 0, 0],
    legend: { live: true },
    cursor: { sync: { key: 'run' }, points: { size: 6 }, drag: { x: true, y: false } },
    scales: {
      x: { time: isTime },
      y: {
        range: (_, low, high) => {
          const top = max === undefined ? high || 1 : Math.max(Number(max), high ?? 0)
          return [Math.min(0, low ?? 0), top === Math.min(0, low ?? 0) ? top + 1 : top * (max === undefined ? 1.08 : 1)]
        },
      },
    },
    axes: [
      { ...axis, size: 22, ...(isTime ? {} : { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000] }) },
      { ...axis, size: 42, values: (_, all) => all.map((value) => shown(value)) },
    ],
    series: [{ label: axisName(curves.axis) }, ...series],
    bands,
  }
}

const axisName = (axis) => (axis === 'minute' ? 'time' : axis === 'visit' ? 'visit' : 'burst')

function dataOf(figure, names, byName, xs) {
  const nothing = xs.map(() => null)
  const columns = names.map(({ name }) => byName.get(name) ?? nothing)
  if (figure.dataset.band === undefined) return [xs, ...columns]
  const [mean = nothing] = columns
  const spread = byName.get(figure.dataset.band) ?? nothing
  const edge = (sign) => mean.map((value, at) => (value === null ? null : value + sign * (spread[at] ?? 0)))
  return [xs, ...columns, edge(1), edge(-1)]
}

function draw(curves) {
  const byName = new Map(curves.columns.map(({ name, values }) => [name, values]))
  const at = byName.get(curves.axis === 'minute' ? 'began_at' : 'bucket') ?? []
  const xs = curves.axis === 'minute' ? at.map((ms) => Math.floor(ms / 60_000) * 60) : at
  return figures.map((figure) => {
    const place = figure.querySelector('.plot')
    const names = JSON.parse(figure.dataset.series)
    const size = () => ({ width: place.clientWidth, height: figure.closest('.small') === null ? 210 : 130 })
    const plot = new uPlot(optionsOf(figure, names, curves, size()), dataOf(figure, names, byName, xs), place)
    // The edges of the band are in the picture, not in the legend.
    for (const row of [...place.querySelectorAll('.u-legend .u-series')].slice(names.length + 1)) row.hidden = true
    const [from = [], to = []] = [byName.get('began_at'), byName.get('ended_at')]
    let isDragged = false
    plot.over.addEventListener('pointerdown', () => {
      isDragged = false
    })
    plot.over.addEventListener('pointermove', (event) => {
      isDragged ||= event.buttons !== 0 && Math.abs(event.movementX) > 1
    })
    plot.over.addEventListener('click', () => {
      const { idx } = plot.cursor
      if (isDragged || idx === null || from[idx] === undefined) return
      const end = curves.axis === 'minute' ? to[idx] + 60_000 : to[idx]
      location.assign(`${root.dataset.rollouts}?sort=worst&from=${from[idx]}&to=${end}`)
    })
    const watch = new ResizeObserver(() => plot.setSize(size()))
    watch.observe(place)
    return () => {
      watch.disconnect()
      plot.destroy()
    }
  })
}

if (root !== null && figures.length > 0) {
  const response = await fetch(root.dataset.curves)
  const curves = await response.json()
  let drawn = draw(curves)
  const again = () => {
    for (const end of drawn) end()
    drawn = draw(curves)
  }
  addEventListener('scorekeeper-theme', again)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again)
  root.dataset.drawn = 'true'
}
