import type { Distribution } from './distribution.ts'
import type { Tally } from './tally.ts'

const tenths = 10

/** The result of a simulation, for one agent or for all: plain numbers, times in milliseconds, null where nothing was measured. */
export type Summary = ReturnType<typeof summarize>

/** Computes the summary of a tally. */
export function summarize(tally: Tally) {
  const groups = [...tally.groups.values()]
  const rewards = groups.flat()
  const largest = groups.reduce((most, { length }) => Math.max(most, length), 0)
  return {
    rollouts: tally.rollouts,
    scored: tally.scored,
    discarded: tally.discarded,
    discarded_because: Object.fromEntries(tally.reasons),
    reward: {
      mean: known(tally.reward.mean),
      deviation: known(tally.reward.deviation),
      histogram: histogramOf(rewards),
      best_of: Object.fromEntries(
        [1, 2, 4, 8, 16, 32, 64]
          .filter((k) => k <= largest)
          .map((k) => [k, known(meanOf(groups.map((group) => bestOf(group, k)).filter(Number.isFinite)))]),
      ),
    },
    items: spreadOf(groups),
    calls: tally.calls,
    calls_per_rollout: quantilesOf(tally.callsPerRollout),
    calls_by_tool: Object.fromEntries([...tally.tools].sort(([, a], [, b]) => b - a)),
    output_tokens: quantilesOf(tally.outputTokens),
    input_tokens: quantilesOf(tally.inputTokens),
    tool_output_tokens: quantilesOf(tally.tokensPerCall),
    call_ms: quantilesOf(tally.callMs),
    grading_ms: quantilesOf(tally.gradingMs),
    errors: Object.fromEntries([...tally.errors].sort(([, a], [, b]) => b - a)),
    retries: tally.retries,
    repeats: tally.repeats,
    differences: tally.differences,
  }
}

/**
 * The mean of the best reward of `k` rollouts of a group, over all ways to choose them: what sampling k times and keeping
 * the best would earn. NaN for fewer than k rewards.
 *
 * In ascending order the i-th reward (from 1) is the best of C(i − 1, k − 1) of the C(n, k) choices. This is the unbiased
 * estimator that pass@k is a case of (Chen et al., "Evaluating Large Language Models Trained on Code", 2021).
 *
 * @example bestOf([0, 1], 2) // 1
 */
export function bestOf(rewards: readonly number[], k: number): number {
  const rising = [...rewards].sort((a, b) => a - b)
  const n = rising.length
  if (k < 1 || n < k) return Number.NaN
  let total = 0
  // The share of the choices in which the n-th is the best; then, step by step, the shares of the earlier rewards.
  let share = k / n
  for (let place = n; place >= k; place -= 1) {
    total += share * (rising[place - 1] ?? 0)
    share *= (place - k) / Math.max(1, place - 1)
  }
  return total
}

/** Counts groups by their spread: a trainer learns nothing from a group without one. */
function spreadOf(groups: readonly (readonly number[])[]) {
  const least = groups.flat().reduce((low, reward) => Math.min(low, reward), 0)
  const most = groups.flat().reduce((high, reward) => Math.max(high, reward), 1)
  const flat = groups.filter((group) => group.length > 1 && group.every((reward) => reward === group[0]))
  return {
    groups: groups.filter(({ length }) => length > 1).length,
    without_spread: flat.length,
    of_them_at_the_least: flat.filter(([reward]) => reward === least).length,
    of_them_at_the_most: flat.filter(([reward]) => reward === most).length,
  }
}

/** The counts in ten equal parts of [0, 1], or of the range of the rewards where that is wider; the last part includes its end. */
function histogramOf(rewards: readonly number[]) {
  const from = rewards.reduce((low, reward) => Math.min(low, reward), 0)
  const to = rewards.reduce((high, reward) => Math.max(high, reward), 1)
  const counts = Array.from({ length: tenths }, () => 0)
  for (const reward of rewards) {
    const at = Math.min(tenths - 1, Math.floor(((reward - from) / (to - from)) * tenths))
    counts[at] = (counts[at] ?? 0) + 1
  }
  return { from, to, counts }
}

const quantilesOf = (one: Distribution) => ({
  mean: known(one.mean),
  p50: known(one.quantile(0.5)),
  p95: known(one.quantile(0.95)),
  p99: known(one.quantile(0.99)),
})

const meanOf = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length

const known = (value: number): number | null => (Number.isFinite(value) ? value : null)
