import { type ProgressBar, progressView } from '../../src/cli/progress.ts'

/** The progress of a stage: `done` of `total` units; `total` is undefined if it is not known. */
export interface Progress {
  readonly stage: 'generate' | 'read' | 'load' | 'embed' | 'play'
  readonly done: number
  readonly total: number | undefined
}

/** Called repeatedly with the progress. */
export type OnProgress = (progress: Progress) => void

/** Shows the progress of a command. */
export interface ProgressDisplay {
  readonly show: OnProgress
  /** Removes the bar. */
  end(): void
}

const labels: Readonly<Record<Progress['stage'], string>> = {
  generate: 'generating',
  read: 'reading',
  load: 'loading',
  embed: 'embedding',
  play: 'playing',
}

/** Shows a progress bar for each stage, one after the other. */
export function showProgress(out: NodeJS.WriteStream): ProgressDisplay {
  const view = progressView(out, { isPercent: true, isAnnounced: true })
  let stage: Progress['stage'] | undefined
  let bar: ProgressBar | undefined
  return {
    end() {
      view.end()
      stage = undefined
    },
    show(progress) {
      if (progress.stage !== stage) {
        view.end()
        stage = progress.stage
        bar = view.bar(labels[stage].padEnd(10), progress.total ?? 0, progress.done)
      }
      bar?.set(progress.done)
    },
  }
}
