import { setTimeout as sleep } from 'node:timers/promises'
import { distribution } from '../simulate/distribution.ts'
import type { Check, Desk } from './desk.ts'
import { scoreOf } from './score.ts'
import { fail, pass, type Verdict, warn } from './verdict.ts'
import { type Answer, isPage, outputOf, statusOf, told } from './wire.ts'

/** How much is sent, and what is good. */
export interface LoadOptions {
  /** Requests a second, and for how many seconds. */
  readonly rate: number
  readonly seconds: number
  /** Whether rollouts of the load are graded, which costs money where a judge is asked. */
  readonly isGraded: boolean
  /** Rollouts that start in one moment. */
  readonly burst: number
  /** The longest that 99 of 100 answers may take, in seconds: at the steady rate, and in the burst. */
  readonly maxP99: number
  readonly maxBurstP99: number
  /** The greatest share of requests that may fail at first, 0 to 1; trainers try those again. */
  readonly maxErrors: number
  /** Told of each request that was answered. */
  readonly onRequest: () => void
}

/** Calls and gradings of the steady rate: four calls, then the grading, of each rollout. */
const rolloutLength = 5

/** A steady rate of requests is answered, for as long as is asked for. */
export function steadyCheck(
  { wire, items, tools, signal }: Desk,
  { rate, seconds, isGraded, maxP99, maxErrors, onRequest }: LoadOptions,
): Check {
  const requests = Math.round(rate * seconds)
  return {
    name: 'steady rate',
    requests,
    steps: requests,
    async run() {
      const seen = counts(onRequest)
      const began = performance.now()
      const running: Promise<void>[] = []
      let rollout = wire.newRollout()
      for (let n = 0; n < requests && !signal.aborted; n += 1) {
        await sleep(Math.max(0, began + (n * 1000) / rate - performance.now()), undefined, { signal })
        const item = items[Math.floor(n / rolloutLength) % items.length] ?? items[0]
        const tool = tools[n % tools.length] ?? tools[0]
        if (n % rolloutLength === 0) rollout = wire.newRollout()
        const isLast = isGraded && n % rolloutLength === rolloutLength - 1
        // A grader waits for the calls that run: what is graded here is a rollout of its own.
        const seeing = isLast
          ? wire.grade({ output: '', item }).then(seen.grading)
          : wire.call({ tool: tool.name, arguments: tool.arguments, item, rollout }).then(seen.call)
        // It is awaited below; until then nobody else takes its failure.
        seeing.catch(() => {})
        running.push(seeing)
      }
      await Promise.all(running)
      const what = `${rate} requests a second for ${seconds} s`
      return [verdict('steady rate', what, seen, { maxP99, maxErrors })]
    },
  }
}

/** Hundreds of rollouts that start in one moment are answered: of each a call, then its grading. */
export function burstCheck(
  { wire, items, tools }: Desk,
  { burst, isGraded, maxBurstP99, maxErrors, onRequest }: LoadOptions,
): Check {
  return {
    name: 'burst',
    requests: burst * (isGraded ? 2 : 1),
    steps: burst * (isGraded ? 2 : 1),
    async run() {
      const seen = counts(onRequest)
      const play = async (n: number) => {
        const rollout = wire.newRollout()
        const item = items[n % items.length] ?? items[0]
        const tool = tools[n % tools.length] ?? tools[0]
        seen.call(await wire.call({ tool: tool.name, arguments: tool.arguments, item, rollout }))
        if (isGraded) seen.grading(await wire.grade({ output: '', item, rollout }))
      }
      await Promise.all(Array.from({ length: burst }, (_, n) => play(n)))
      const what = `${burst} rollouts that start in one moment`
      return [verdict('burst', what, seen, { maxP99: maxBurstP99, maxErrors })]
    },
  }
}

type Counts = ReturnType<typeof counts>

function counts(onRequest: () => void) {
  const ms = distribution()
  const errors = new Map<string, number>()
  const add = (answer: Answer, problem: string | undefined) => {
    onRequest()
    ms.add(answer.ms)
    if (problem !== undefined) errors.set(problem, (errors.get(problem) ?? 0) + 1)
  }
  return {
    ms,
    errors,
    call: (answer: Answer): void => add(answer, callProblem(answer)),
    grading: (answer: Answer): void => add(answer, gradingProblem(answer)),
  }
}

/** What turns away those who are many, though the same call was let in when it was alone; other 4xx are for a model to read. */
const turningAway = [401, 403, 408, 429]

function callProblem(answer: Answer): string | undefined {
  const status = statusOf(answer)
  const isLost = status < 200 || status >= 500 || (status >= 300 && status < 400)
  if (isLost || turningAway.includes(status) || isPage(answer)) return told(answer)
  return status < 300 && outputOf(answer) === undefined ? `${told(answer)} without an output` : undefined
}

/** Whatever is no score discards its rollout. */
function gradingProblem(answer: Answer): string | undefined {
  if (!('problem' in scoreOf(answer, [-Number.MAX_VALUE, Number.MAX_VALUE]))) return undefined
  return statusOf(answer) === 200 && !isPage(answer) ? '200 without a score' : told(answer)
}

interface Thresholds {
  /** In seconds. */
  readonly maxP99: number
  readonly maxErrors: number
}

function verdict(check: string, what: string, { ms, errors }: Counts, { maxP99, maxErrors }: Thresholds): Verdict {
  const failed = [...errors.values()].reduce((sum, count) => sum + count, 0)
  const share = failed / Math.max(1, ms.count)
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((at) => ms.quantile(at))
  const times = `half within ${seconds(p50)}, 95 of 100 within ${seconds(p95)}, 99 within ${seconds(p99)} (at most ${maxP99} s)`
  const kinds = [...errors].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${count} × ${kind}`)
  const lost = failed === 0 ? 'no errors' : `${failed} of ${ms.count} failed (${kinds.slice(0, 3).join(', ')})`
  const why = `${what}: ${times}; ${lost} (at most ${percent(maxErrors)})`
  const advice =
    'give the server more processes, connections or time, and try again: under-provisioned servers have hung jobs for days'
  if (share > maxErrors || (p99 ?? 0) > maxP99 * 1000) return fail(check, why, advice)
  return failed > 0 ? warn(check, why, advice) : pass(check, why)
}

const seconds = (ms = Number.NaN) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)
const percent = (share: number) => `${Number((share * 100).toFixed(3))} %`
