import { Presets, SingleBar } from 'cli-progress'

/** Shows how far a run is. */
export interface ProgressView {
  /** So many are done, those of earlier runs included. */
  show(done: number): void
  end(): void
}

const linesApartMs = 2_000

/**
 * A bar with its rate and the time left on a terminal, elsewhere a line every two seconds. The rate is that of this run,
 * which began at `start`.
 */
export function progressView(
  out: NodeJS.WritableStream & { readonly isTTY?: boolean },
  start: number,
  total: number,
): ProgressView {
  const began = performance.now()
  const rateOf = (done: number) => ((done - start) * 1000) / Math.max(1, performance.now() - began)
  const leftOf = (done: number) => timeText((total - done) / Math.max(rateOf(done), 1e-9))
  if (!out.isTTY) {
    let written = began
    return {
      end() {},
      show(done) {
        if (performance.now() - written < linesApartMs) return
        written = performance.now()
        const rate = rateText(rateOf(done))
        out.write(`${done} of ${total} rollouts, ${rate}, ${leftOf(done)} left\n`)
      },
    }
  }
  const format = 'grading  {bar} {value}/{total} · {rate} · {left} left'
  const bar = new SingleBar({ format, stream: out, hideCursor: true, barsize: 30 }, Presets.shades_classic)
  bar.start(total, start, { rate: '–', left: '–' })
  return {
    show: (done) => bar.update(done, { rate: rateText(rateOf(done)), left: leftOf(done) }),
    end: () => bar.stop(),
  }
}

const rateText = (perSecond: number) => `${perSecond < 10 ? perSecond.toFixed(1) : perSecond.toFixed(0)}/s`

function timeText(seconds: number): string {
  if (!(seconds < 1e6)) return '–'
  if (seconds < 90) return `${Math.ceil(seconds)} s`
  return seconds < 5_400 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`
}
