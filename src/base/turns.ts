/** Schedules large pieces of synchronous work, across all requests, one per turn of the event loop. */
export interface Turns {
  /**
   * Resolves when a piece of work on this many bytes may run. Small pieces run at once (undefined). Each large piece gets
   * its own turn of the event loop, so that other requests are served between two of them.
   */
  take(bytes: number): Promise<void> | undefined
}

/** Parsing, hashing or validating fewer bytes takes a few milliseconds at most. */
const smallestPiece = 32_768

/** Creates the turns that all requests of one server share. */
export function createTurns(): Turns {
  let last = Promise.resolve()
  return {
    take(bytes) {
      if (bytes < smallestPiece) return undefined
      last = last.then(() => new Promise<void>((resolve) => void setImmediate(resolve)))
      return last
    },
  }
}
