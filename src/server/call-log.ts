import type { Log } from '../base/log.ts'
import type { Observer } from '../core/observer.ts'

/** Writes one line of the level `debug` for each call and each grading. Arguments, outputs and answers are not written. */
export function createCallLog(log: Log): Observer {
  const msSince = (began: number) => Math.round((performance.now() - began) * 100) / 100
  return {
    calling() {},
    called({ run, rolloutId, callId, tool }, outcome, code, began, isReplay, output) {
      const why = code === null ? {} : { code }
      const facts = { run, rollout: rolloutId, call: callId, tool, outcome, ...why, replayed: isReplay }
      log.debug?.({ ...facts, ms: msSince(began), bytes: Buffer.byteLength(output) }, `call of ${tool}: ${outcome}`)
    },
    graded({ run, rolloutId, grader }, outcome, code, began, isReplay, score) {
      const why = code === null ? {} : { code }
      const facts = { run, rollout: rolloutId, grader, outcome, ...why, replayed: isReplay, ms: msSince(began) }
      const found = score === undefined ? {} : { score: score.score }
      log.debug?.({ ...facts, ...found }, `grading by ${grader}: ${outcome}`)
    },
  }
}
