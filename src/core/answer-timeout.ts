import type { SharedSignal } from '../base/deadline.ts'

/** Limits how long a request waits for `work`; creates the error with `late` when the time is up. */
export type AnswerTimeout = <Result>(late: () => Error, work: Promise<Result>) => Promise<Result>

/** How long running work may take to end and be recorded after the server began to stop, in milliseconds. */
const stopGraceMs = 1_000

/**
 * Creates the function that resolves with the result of `work`, or rejects with `late` when that takes longer than
 * `seconds`, or with the reason of `stopping` shortly after that aborts. So a request that waits for the database or for
 * another call is answered before its connection is cut. The work itself continues.
 */
export function createAnswerTimeout(seconds: number, stopping: SharedSignal): AnswerTimeout {
  let stopsAt: number | undefined
  stopping.listen(() => {
    stopsAt = performance.now() + stopGraceMs
  })
  return (late, work) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(late()), seconds * 1000)
      const stop = () => {
        // What a request begins after the stop gets no grace of its own: its connection is cut soon.
        const leftMs = stopsAt === undefined ? stopGraceMs : Math.max(0, stopsAt - performance.now())
        setTimeout(() => reject(stopping.signal.reason), leftMs)
      }
      const leave = stopping.listen(stop)
      if (stopping.signal.aborted) stop()
      const settle = () => {
        clearTimeout(timer)
        leave()
      }
      work.then(
        (result) => {
          settle()
          resolve(result)
        },
        (error: unknown) => {
          settle()
          reject(error)
        },
      )
    })
}
