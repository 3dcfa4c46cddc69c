/** Waits for an answer to be given, for so long as anybody does. */
export type Patience = <Result>(late: () => Error, work: Promise<Result>) => Promise<Result>

/** What runs is told to stop at once, and has so many milliseconds to end by itself, its record included. */
const endingMs = 1_000

/**
 * Makes the function that gives what `work` gives, or rejects with `late` when that takes longer than `seconds`, or with
 * the reason of `stopping` soon after that aborts, so that who waits for the database or for another call is answered
 * before the connection is cut. The work itself goes on.
 */
export function createPatience(seconds: number, stopping: AbortSignal): Patience {
  // One listener for all: a signal's own list is gone through with each that is added.
  const waiting = new Set<(reason: unknown) => void>()
  const end = () => {
    for (const giveUp of waiting) giveUp(stopping.reason)
  }
  stopping.addEventListener('abort', () => void setTimeout(end, endingMs), { once: true })
  return (late, work) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(late()), seconds * 1000)
      waiting.add(reject)
      const over = () => {
        clearTimeout(timer)
        waiting.delete(reject)
      }
      work.then(resolve, reject).finally(over)
    })
}
