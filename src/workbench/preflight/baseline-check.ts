import type { Agent } from '../simulate/agent.ts'
import type { RolloutSettings } from '../simulate/play-rollout.ts'
import { runSimulation } from '../simulate/run.ts'
import type { Summary } from '../simulate/summary.ts'
import type { Check, Desk } from './desk.ts'
import { fail, pass, type Verdict, warn } from './verdict.ts'

/** How a few rollouts of each item are played beforehand. */
export interface BaselineOptions {
  readonly agents: readonly Agent[]
  /** How many items, and how many rollouts of each by each agent. */
  readonly items: number
  readonly group: number
  readonly settings: Omit<RolloutSettings, 'onAttempt' | 'fault'>
  readonly seed: string
  readonly onRollout: () => void
}

/** Rollouts at a time. */
const concurrency = 16
/** Attempts of a request that are made at most, and calls that a step has in the mean at most. */
const [attempts, callsPerStep] = [4, 4]

/** What the agents do today: how much they earn, and the share of items whose rollouts all earn the same. */
export function baselineCheck({ wire, items, signal }: Desk, options: BaselineOptions): Check {
  const { agents, group, settings, seed, onRollout } = options
  const chosen = items.slice(0, options.items)
  const rollouts = chosen.length * group * agents.length
  return {
    name: 'baseline',
    steps: rollouts,
    requests: rollouts * (settings.maxSteps * callsPerStep + 1) * attempts,
    async run() {
      const plan = { agents, items: chosen, group, itemsPerStep: chosen.length, concurrency, seed }
      const rolloutSettings = { ...settings, fault: () => undefined, onAttempt: wire.count }
      const view = { show: onRollout, end() {} }
      const { all } = await runSimulation(rolloutSettings, plan, { view }, signal)
      return [verdictOf(all)]
    },
  }
}

/** From so many items without a spread on, most of a job's time teaches nothing. */
const mostFlat = 0.5

function verdictOf(summary: Summary): Verdict {
  const { rollouts, scored, discarded, discarded_because: reasons, reward, items, calls } = summary
  const [because] = Object.keys(reasons)
  if (scored === 0)
    return fail('baseline', `none of ${rollouts} rollouts was scored: ${because}`, 'see the server’s log')
  const { groups, without_spread: flat, of_them_at_the_least: never, of_them_at_the_most: always } = items
  const why =
    `${scored} rollouts earn ${reward.mean?.toFixed(2)} in the mean, with ${(calls / rollouts).toFixed(1)} calls; ` +
    `${flat} of ${groups} items have no spread (${never} always at the least, ${always} at the most)`
  if (discarded > 0) {
    const lost = `${why}; ${discarded} rollouts were discarded: ${because}`
    return fail('baseline', lost, 'a rollout that is discarded is lost: see the server’s log')
  }
  if (flat <= groups * mostFlat) return pass('baseline', why)
  const advice =
    'from an item without a spread nothing is learned: leave out what is never or always solved, or grade in parts'
  return warn('baseline', why, advice)
}
