import { setTimeout as sleep } from 'node:timers/promises'
import { distribution } from '../simulate/distribution.ts'
import type { Check, CheckContext } from './check.ts'
import { fail, pass, type Verdict, warn } from './verdict.ts'
import { type Answer, describeAnswer, isOk, isPage, outputOf, scoreOf, statusOf } from './wire.ts'

/** How much is sent, and the limits on the answers. */
export interface LoadOptions {
  /** Requests a second, and the duration in seconds. */
  readonly rate: number
  readonly seconds: number
  /** Whether rollouts of the load are graded, which costs money if the grader calls a judge. */
  readonly isGraded: boolean
  /** Rollouts that start at the same time. */
  readonly burst: number
  /** Limits on the 99th percentile of the response time, in seconds: at the steady rate, and in the burst. */
  readonly maxP99: number
  readonly maxBurstP99: number
  /** The greatest share of requests that may fail, 0 to 1; trainers retry those. */
  readonly maxErrors: number
  /** Called for each request that was answered. */
  readonly onRequest: () => void
}

/** Each rollout of the steady rate has four calls and a grading. */
const rolloutLength = 5

/** A steady rate of requests is answered. */
export function steadyCheck(
  { wire, items, tools: known, hasGrader, signal }: CheckContext,
  { rate, seconds, isGraded: isGradingWanted, maxP99, maxErrors, onRequest }: LoadOptions,
): Check {
  const requests = Math.round(rate * seconds)
  const tools = callable(known)
  const isGraded = isGradingWanted && hasGrader
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
        // A grader waits for running calls, so the graded rollout is a separate one.
        const seeing = isLast
          ? wire.grade({ output: '', item }).then(seen.grading)
          : wire.call({ tool: tool.name, arguments: tool.arguments, item, rollout }).then(seen.call)
        // It is awaited below; until then a rejection would be unhandled.
        seeing.catch(() => {})
        running.push(seeing)
      }
      await Promise.all(running)
      const what = `${rate} requests a second for ${seconds} s`
      return [verdict('steady rate', what, seen, { maxP99, maxErrors })]
    },
  }
}

/** Hundreds of rollouts that start at the same time are answered: each has a call and a grading. */
export function burstCheck(
  { wire, items, tools: known, hasGrader }: CheckContext,
  { burst, isGraded: isGradingWanted, maxBurstP99, maxErrors, onRequest }: LoadOptions,
): Check {
  const tools = callable(known)
  const isGraded = isGradingWanted && hasGrader
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
      const what = `${burst} rollouts that start at the same time`
      return [verdict('burst', what, seen, { maxP99: maxBurstP99, maxErrors })]
    },
  }
}

type Counts = ReturnType<typeof counts>

function counts(onRequest: () => void) {
  const ms = distribution()
  const errors = new Map<string, number>()
  const calls = { made: 0, ok: 0 }
  const add = (answer: Answer, problem: string | undefined) => {
    onRequest()
    ms.add(answer.ms)
    if (problem !== undefined) errors.set(problem, (errors.get(problem) ?? 0) + 1)
  }
  return {
    ms,
    errors,
    calls,
    call(answer: Answer): void {
      calls.made += 1
      if (isOk(answer)) calls.ok += 1
      add(answer, callProblem(answer))
    },
    grading: (answer: Answer): void => add(answer, gradingProblem(answer)),
  }
}

/** Statuses that reject a call because of the load; other 4xx are for a model to read. */
const overload = [401, 403, 408, 429]

function callProblem(answer: Answer): string | undefined {
  const status = statusOf(answer)
  const isLost = status < 200 || status >= 500 || (status >= 300 && status < 400)
  if (isLost || overload.includes(status) || isPage(answer)) return describeAnswer(answer)
  return status < 300 && outputOf(answer) === undefined ? `${describeAnswer(answer)} without an output` : undefined
}

/** A rollout without a score is discarded. */
function gradingProblem(answer: Answer): string | undefined {
  if (!('problem' in scoreOf(answer, [-Number.MAX_VALUE, Number.MAX_VALUE]))) return undefined
  return statusOf(answer) === 200 && !isPage(answer) ? '200 without a score' : describeAnswer(answer)
}

/** With a greater share of refused calls the load says little: a refusal costs the server less than a result. */
const maxRefused = 0.1

/** The tools whose example call succeeded, or all if none did. */
function callable([first, ...rest]: CheckContext['tools']): CheckContext['tools'] {
  return [first, ...rest.filter(({ isOk: succeeds }) => succeeds !== false)]
}

interface Thresholds {
  /** In seconds. */
  readonly maxP99: number
  readonly maxErrors: number
}

function verdict(
  check: string,
  what: string,
  { ms, errors, calls }: Counts,
  { maxP99, maxErrors }: Thresholds,
): Verdict {
  const failed = [...errors.values()].reduce((sum, count) => sum + count, 0)
  const share = failed / Math.max(1, ms.count)
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((at) => ms.quantile(at))
  const times = `50 % within ${seconds(p50)}, 95 % within ${seconds(p95)}, 99 % within ${seconds(p99)} (at most ${maxP99} s)`
  const kinds = [...errors].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${count} × ${kind}`)
  const lost = failed === 0 ? 'no errors' : `${failed} of ${ms.count} failed (${kinds.slice(0, 3).join(', ')})`
  const why = `${what}: ${times}; ${lost} (at most ${percent(maxErrors)})`
  const advice =
    'give the server more processes, connections or time, and try again: jobs have hung for days on servers that were too small'
  if (share > maxErrors || (p99 ?? 0) > maxP99 * 1000) return fail(check, why, advice)
  if (failed > 0) return warn(check, why, advice)
  const refused = calls.made - calls.ok
  if (refused > calls.made * maxRefused) {
    const only = `${why}; only ${calls.ok} of ${calls.made} calls succeeded, so this is not the load of a job`
    return warn(check, only, 'pass arguments with which calls succeed: --call \'cat={"path":"a/b"}\'')
  }
  return pass(check, why)
}

const seconds = (ms = Number.NaN) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)
const percent = (share: number) => `${Number((share * 100).toFixed(3))} %`
