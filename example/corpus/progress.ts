/** How far a long step is: `done` of `total` units of `stage`, where the total is known. */
export interface Progress {
  readonly stage: 'generate' | 'read' | 'load' | 'index' | 'embed' | 'play'
  readonly done: number
  readonly total: number | undefined
}

/** Told now and then how far it is. */
export type OnProgress = (progress: Progress) => void
