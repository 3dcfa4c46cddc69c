/** Lets large pieces of synchronous work, of any number of requests, run one a turn of the event loop. */
export interface Turns {
  /**
   * Resolves when a piece of work on this many bytes may run. That is at once where they are few; else in a turn of the event
   * loop in which no other large piece runs, so that between any two of them whatever else is waiting is answered.
   */
  take(bytes: number): Promise<void> | undefined
}

/** Pieces of less are not worth a turn: parsing, hashing or validating as much takes a few milliseconds at most. */
const smallestPiece = 32_768

/** Makes the turns that the requests of one server share. */
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
