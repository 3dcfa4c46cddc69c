/** Limits how long a request waits for `work`; creates the error with `late` when the time is up. */
export type AnswerTimeout = <Result>(late: () => Error, work: Promise<Result>) => Promise<Result>

/** How long running work may take to end and be recorded after `stopping` aborts, in milliseconds. */
const stopGraceMs = 1_000

/**
 * Creates the function that resolves with the result of `work`, or rejects with `late` when that takes longer than
 * `seconds`, or with the reason of `stopping` shortly after that aborts. So a request that waits for the database or for
 * another call is answered before its connection is cut. The work itself continues.
 */
export function createAnswerTimeout(seconds: number, stopping: AbortSignal): AnswerTimeout {
  // One listener for all: adding a listener to a signal takes time in proportion to those it has.
  const waiting = new Set<(reason: unknown) => void>()
  const end = () => {
    for (const reject of waiting) reject(stopping.reason)
  }
  stopping.addEventListener('abort', () => void setTimeout(end, stopGraceMs), { once: true })
  return (late, work) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(late()), seconds * 1000)
      waiting.add(reject)
      const settle = () => {
        clearTimeout(timer)
        waiting.delete(reject)
      }
      work.then(resolve, reject).finally(settle)
    })
}
