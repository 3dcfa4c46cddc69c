import { Presets, SingleBar } from 'cli-progress'

/** Shows how far something is. */
export interface ProgressView {
  /** So much more is done. */
  add(amount: number): void
  /** Leaves the line of the bar. */
  end(): void
}

const linesApartMs = 2_000

/** A bar on a terminal; elsewhere a line every two seconds, so that what is quick says nothing. */
export function progressView(out: NodeJS.WriteStream, what: string, total: number): ProgressView {
  return out.isTTY ? barOn(out, what, total) : linesOn(out, what, total)
}

function barOn(out: NodeJS.WriteStream, what: string, total: number): ProgressView {
  const format = `${what} {bar} {percentage}% · {eta_formatted} left`
  const bar = new SingleBar({ format, stream: out, hideCursor: true, clearOnComplete: true }, Presets.shades_classic)
  bar.start(total, 0)
  return { add: (amount) => bar.increment(amount), end: () => bar.stop() }
}

function linesOn(out: NodeJS.WriteStream, what: string, total: number): ProgressView {
  let done = 0
  let written = performance.now()
  return {
    add(amount) {
      done += amount
      const now = performance.now()
      if (now - written < linesApartMs) return
      written = now
      out.write(`${what}: ${Math.floor((done / Math.max(1, total)) * 100)} %\n`)
    },
    end() {},
  }
}
