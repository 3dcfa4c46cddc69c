/**
 * The mean of the best reward of `k` rollouts of a group, over all ways to choose them: what sampling k times and keeping
 * the best would earn.
 *
 * Of rewards in rising order the i-th (from 1) is the best of C(i − 1, k − 1) of the C(n, k) choices, which is the estimator
 * without bias that pass@k is a case of (Chen et al., "Evaluating Large Language Models Trained on Code", 2021).
 *
 * NaN for fewer than k rewards.
 *
 * @example bestOf([0, 1], 2) // 1
 */
export function bestOf(rewards: readonly number[], k: number): number {
  const rising = [...rewards].sort((a, b) => a - b)
  const n = rising.length
  if (k < 1 || n < k) return Number.NaN
  let total = 0
  // The share of choices of which the n-th is the best, and from each to the one before it.
  let share = k / n
  for (let place = n; place >= k; place -= 1) {
    total += share * (rising[place - 1] ?? 0)
    share *= (place - k) / Math.max(1, place - 1)
  }
  return total
}
