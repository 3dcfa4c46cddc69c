import { Presets, SingleBar } from 'cli-progress'
import type { OnProgress, Progress } from './progress.ts'

/** Shows progress until told to end. */
export interface ProgressDisplay {
  readonly show: OnProgress
  /** Leaves the line of the bar. */
  end(): void
}

const labels: Readonly<Record<Progress['stage'], string>> = {
  generate: 'generating',
  read: 'reading',
  load: 'loading',
  index: 'indexing',
  embed: 'embedding',
  play: 'playing',
}

/** A progress bar on a terminal; elsewhere a line for each step, one for each tenth of it that took long, and its end. */
export function showProgress(out: NodeJS.WriteStream): ProgressDisplay {
  return out.isTTY ? barOn(out) : linesOn(out)
}

function barOn(out: NodeJS.WriteStream): ProgressDisplay {
  let bar: SingleBar | undefined
  let stage: Progress['stage'] | undefined
  const end = () => {
    bar?.stop()
    bar = undefined
    stage = undefined
  }
  return {
    end,
    show(progress) {
      if (progress.total === undefined) return
      if (progress.stage !== stage) {
        end()
        stage = progress.stage
        const format = `${labels[progress.stage].padEnd(10)} {bar} {percentage}% · {eta_formatted} left`
        bar = new SingleBar({ format, stream: out, hideCursor: true }, Presets.shades_classic)
        bar.start(progress.total, progress.done)
      }
      bar?.setTotal(progress.total)
      bar?.update(progress.done)
    },
  }
}

const linesApartMs = 2_000

function linesOn(out: NodeJS.WriteStream): ProgressDisplay {
  let stage: Progress['stage'] | undefined
  let tenth = 0
  let written = 0
  return {
    end() {},
    show(progress) {
      const { done, total } = progress
      const now = performance.now()
      const at = total === undefined || total === 0 ? 0 : Math.floor((done / total) * 10)
      const isNew = progress.stage !== stage
      if (!isNew && (at === tenth || now - written < linesApartMs)) return
      stage = progress.stage
      tenth = at
      written = now
      out.write(`${labels[progress.stage]}${isNew || total === undefined ? '' : ` ${at * 10}%`} …\n`)
    },
  }
}
