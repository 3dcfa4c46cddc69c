import { estimateTokens } from '../../kit/scoring/conduct/output-length.ts'
import { type Distribution, distribution } from './distribution.ts'
import type { RolloutTrace } from './trace.ts'

/** Counts of rollouts; all times are in milliseconds. */
export interface Tally {
  rollouts: number
  scored: number
  discarded: number
  /** Rollouts by the reason why they were discarded, without the names of tools. */
  readonly reasons: Map<string, number>
  readonly reward: Distribution
  /** The rewards by item. */
  readonly groups: Map<number, number[]>
  calls: number
  /** Calls by tool. */
  readonly tools: Map<string, number>
  readonly callsPerRollout: Distribution
  readonly outputTokens: Distribution
  readonly inputTokens: Distribution
  /** Tokens of the tools' outputs, estimated. */
  readonly tokensPerCall: Distribution
  readonly callMs: Distribution
  readonly gradingMs: Distribution
  /** Failed attempts by cause, and 4xx by status. */
  readonly errors: Map<string, number>
  /** Attempts after the first. */
  retries: number
  repeats: number
  differences: number
}

/** A tally without rollouts. */
export const emptyTally = (): Tally => ({
  rollouts: 0,
  scored: 0,
  discarded: 0,
  reasons: new Map(),
  reward: distribution(),
  groups: new Map(),
  calls: 0,
  tools: new Map(),
  callsPerRollout: distribution(),
  outputTokens: distribution(),
  inputTokens: distribution(),
  tokensPerCall: distribution(),
  callMs: distribution(),
  gradingMs: distribution(),
  errors: new Map(),
  retries: 0,
  repeats: 0,
  differences: 0,
})

/** Counts a rollout. */
export function count(tally: Tally, trace: RolloutTrace): void {
  tally.rollouts += 1
  if (trace.reward === null) {
    tally.discarded += 1
    more(tally.reasons, (trace.discarded ?? 'unknown').replace(/"[^"]*" /, ''))
  } else {
    tally.scored += 1
    tally.reward.add(trace.reward)
    const group = tally.groups.get(trace.item)
    if (group === undefined) tally.groups.set(trace.item, [trace.reward])
    else group.push(trace.reward)
  }
  tally.callsPerRollout.add(trace.calls.length)
  tally.outputTokens.add(trace.output_tokens)
  tally.inputTokens.add(trace.input_tokens)
  for (const call of trace.calls) {
    tally.calls += 1
    more(tally.tools, call.tool)
    tally.tokensPerCall.add(estimateTokens(call.output))
    if (call.status !== 0) tally.callMs.add(call.ms)
  }
  if (trace.grading !== null && trace.grading.status !== 0) tally.gradingMs.add(trace.grading.ms)
  for (const sent of trace.grading === null ? trace.calls : [...trace.calls, trace.grading]) {
    for (const error of sent.errors) more(tally.errors, error)
    if (sent.status >= 400) more(tally.errors, `http_${sent.status}`)
    tally.retries += sent.attempts - 1
    tally.repeats += sent.repeats
    tally.differences += sent.differences
  }
}

const more = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1)
