import { MultiBar, Presets } from 'cli-progress'

/** Shows how far a command is. */
export interface ProgressView {
  /** Adds a bar that starts at `done` of `total`. */
  bar(name: string, total: number, done?: number): ProgressBar
  /** Removes the bars that are shown; others can be added afterwards. */
  end(): void
}

/** One bar of a view. */
export interface ProgressBar {
  /** Sets what is done so far, with a text to show after it. */
  set(done: number, note?: string): void
  /** Adds to what is done. */
  add(amount: number): void
}

/** How a {@link progressView} looks. */
export interface ProgressSettings {
  /** Shows percentages only, for totals such as bytes that mean little to a person. */
  readonly isPercent?: boolean
  /** Without a terminal, writes the name of each bar when it is added. */
  readonly isAnnounced?: boolean
}

/** Where progress is shown. */
export type ProgressStream = NodeJS.WritableStream & { readonly isTTY?: boolean }

const linesApartMs = 2_000

/** Bars with their rate and the time left on a terminal; elsewhere a line every two seconds, so that quick work prints nothing. */
export function progressView(out: ProgressStream, settings: ProgressSettings = {}): ProgressView {
  return out.isTTY ? barsOn(out, settings) : linesOn(out, settings)
}

function barsOn(stream: ProgressStream, { isPercent = false }: ProgressSettings): ProgressView {
  const shown = isPercent ? '{percentage}%' : '{value}/{total} · {rate}'
  const format = `{name} {bar} ${shown} · {left} left{note}`
  const options = { format, stream, barsize: 30, hideCursor: true, clearOnComplete: true, gracefulExit: false }
  let bars: MultiBar | undefined
  return {
    bar(name, total, from = 0) {
      bars ??= new MultiBar(options, Presets.shades_classic)
      const pace = paceFrom(from, total)
      const bar = bars.create(total, from, { name, rate: '–', left: '–', note: '' })
      return barOf(from, (done, note) => bar.update(done, { ...pace(done), note: note === '' ? '' : ` · ${note}` }))
    },
    end() {
      bars?.stop()
      bars = undefined
    },
  }
}

function linesOn(out: ProgressStream, { isPercent = false, isAnnounced = false }: ProgressSettings): ProgressView {
  let written = performance.now()
  return {
    bar(name, total, from = 0) {
      if (isAnnounced) out.write(`${name.trim()} …\n`)
      const pace = paceFrom(from, total)
      return barOf(from, (done, note) => {
        if (performance.now() - written < linesApartMs) return
        written = performance.now()
        const { rate, left } = pace(done)
        const share = `${Math.floor((done / Math.max(1, total)) * 100)} %`
        const shown = isPercent ? share : `${done} of ${total}, ${rate}`
        out.write(`${name.trim()}: ${shown}, ${left} left${note === '' ? '' : `, ${note}`}\n`)
      })
    },
    end() {},
  }
}

function barOf(from: number, show: (done: number, note: string) => void): ProgressBar {
  let done = from
  let shown = ''
  return {
    set(value, note = shown) {
      done = value
      shown = note
      show(done, note)
    },
    add(amount) {
      done += amount
      show(done, shown)
    },
  }
}

/** The rate since now, and the time that the rest takes at that rate. */
function paceFrom(from: number, total: number) {
  const began = performance.now()
  return (done: number) => {
    const rate = ((done - from) * 1000) / Math.max(1, performance.now() - began)
    return { rate: rateText(rate), left: timeText((total - done) / Math.max(rate, 1e-9)) }
  }
}

const rateText = (perSecond: number) => `${perSecond < 10 ? perSecond.toFixed(1) : perSecond.toFixed(0)}/s`

function timeText(seconds: number): string {
  if (!(seconds < 1e6)) return '–'
  if (seconds < 90) return `${Math.ceil(seconds)} s`
  return seconds < 5_400 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`
}
