/** The settings of the scheduler. */
export const defaults = { baseMs: 100, workers: 4 }
