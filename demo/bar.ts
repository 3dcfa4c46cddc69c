import { Presets, SingleBar } from 'cli-progress'

/** How far one of several steps is. */
export interface Step {
  readonly stage: string
  readonly done: number
  readonly total: number | undefined
}

/** A progress bar for steps one after the other; where there is no terminal, a line for each step. */
export function createBar(): { show(step: Step): void; end(): void } {
  const format = '{stage} [{bar}] {value}/{total}'
  const bar = new SingleBar({ format, hideCursor: true, clearOnComplete: true, barsize: 30 }, Presets.shades_classic)
  let current = ''
  return {
    show({ stage, done, total = 1 }) {
      const label = stage.padEnd(8)
      if (stage !== current) {
        current = stage
        bar.stop()
        if (process.stdout.isTTY) bar.start(total, done, { stage: label })
        else console.log(`${stage} …`)
      }
      bar.setTotal(total)
      bar.update(done, { stage: label })
    },
    end() {
      current = ''
      bar.stop()
    },
  }
}
