import type { Agent } from '../simulate/agent.ts'
import type { RolloutSettings } from '../simulate/play-rollout.ts'
import { runSimulation } from '../simulate/run.ts'
import type { Summary } from '../simulate/summary.ts'
import type { Check, CheckContext } from './check.ts'
import { fail, pass, skip, type Verdict, warn } from './verdict.ts'
import { TooMuch } from './wire.ts'

/** How a few rollouts of some items are played before the job. */
export interface BaselineOptions {
  readonly agents: readonly Agent[]
  /** How many items are played, and how often each agent plays each of them. */
  readonly items: number
  readonly group: number
  /** How many calls a rollout likely makes. */
  readonly calls: number
  readonly settings: Omit<RolloutSettings, 'onAttempt' | 'fault'>
  readonly seed: string
  readonly onRollout: () => void
}

/** Rollouts at a time. */
const concurrency = 16
/** Room for calls beyond the budget and for retries. */
const headroom = 1.5

/** What the agents earn now, and the share of items whose rollouts all earn the same. */
export function baselineCheck({ wire, items, signal }: CheckContext, options: BaselineOptions): Check {
  const { agents, group, calls, settings, seed, onRollout } = options
  const chosen = items.slice(0, options.items)
  const rollouts = chosen.length * group * agents.length
  const requests = Math.ceil(rollouts * (calls + 1) * headroom)
  return {
    name: 'baseline',
    steps: rollouts,
    requests,
    async run() {
      const plan = { agents, items: chosen, group, itemsPerStep: chosen.length, concurrency, seed }
      const rolloutSettings = { ...settings, fault: () => undefined, onAttempt: wire.count }
      const view = { show: onRollout, end() {} }
      try {
        const { all } = await runSimulation(rolloutSettings, plan, { view }, signal)
        return [verdictOf(all)]
      } catch (error) {
        if (!(error instanceof TooMuch)) throw error
        const why = `the agents made more than the ${requests.toLocaleString('en-US')} requests that were announced for them`
        return [skip('baseline', why, 'state the calls of a rollout with --budget, or play fewer items with --items')]
      }
    },
  }
}

/** Above this share of items without a spread, most of a job's time teaches nothing. */
const maxFlat = 0.5

function verdictOf(summary: Summary): Verdict {
  const { rollouts, scored, discarded, discarded_because: reasons, reward, items, calls } = summary
  const [because] = Object.keys(reasons)
  if (scored === 0)
    return fail('baseline', `none of ${rollouts} rollouts was scored: ${because}`, 'see the server’s log')
  const { groups, without_spread: flat, of_them_at_the_least: never, of_them_at_the_most: always } = items
  const why =
    `${scored} rollouts earn ${reward.mean?.toFixed(2)} on average, with ${(calls / rollouts).toFixed(1)} calls; ` +
    `${flat} of ${groups} items have no spread (${never} always at the least, ${always} at the most)`
  if (discarded > 0) {
    const lost = `${why}; ${discarded} rollouts were discarded: ${because}`
    return fail('baseline', lost, 'discarded rollouts are lost: see the server’s log')
  }
  if (flat <= groups * maxFlat) return pass('baseline', why)
  const advice =
    'nothing is learned from an item without a spread: remove items that are never or always solved, or give partial credit'
  return warn('baseline', why, advice)
}
