import { type Evidence, grouped, keyOf, recorded } from '../evidence.ts'
import { accepted, type SeenCall, type SeenRollout } from '../seen.ts'
import type { Check } from './check.ts'

/** Rollouts that the ledger scored although a call failed or has not ended. */
function scoredByLedger({ rows }: Evidence): string[] {
  const bad = grouped(
    rows.calls.filter(({ outcome }) => outcome === 'failed' || outcome === 'running'),
    ({ rolloutId }) => rolloutId,
  )
  return rows.grades.flatMap(({ rolloutId, outcome, createdAt }) => {
    const call = bad.get(rolloutId)?.find(({ startedAt }) => startedAt < createdAt)
    return outcome === 'scored' && call ? [`${keyOf(rolloutId, call.callId)} is ${call.outcome} (${call.code})`] : []
  })
}

/**
 * Whether the trainer was told before `time` that the call failed, by a process that survived: if the database was
 * unavailable, a killed process left no record of the failure. A call that got no place for its sandbox has not begun, and is
 * not recorded, on purpose.
 */
function failedBefore({ lives }: Evidence, { requests }: SeenCall, time: number): boolean {
  return requests.some(({ answer, pid, ended }) => {
    const life = lives.find((one) => one.pid === pid)
    const died = life?.killedAt ?? life?.endedAt ?? Number.POSITIVE_INFINITY
    return (
      answer.kind === 'answered' &&
      answer.status >= 500 &&
      answer.code !== 'sandbox_queue_full' &&
      ended <= time &&
      died > time
    )
  })
}

const codesOf = ({ requests }: SeenCall) =>
  requests.map(({ answer }) => (answer.kind === 'answered' ? (answer.code ?? answer.status) : answer.kind)).join(', ')

/** Rollouts whose score the trainer received although a call was answered with 5xx and never succeeded. */
function scoredToTrainer(evidence: Evidence): string[] {
  const rows = new Map(evidence.rows.calls.map((row) => [keyOf(row.rolloutId, row.callId), row.outcome]))
  const succeeded = (id: string, { callId }: SeenCall) => ['ok', 'refused'].includes(rows.get(keyOf(id, callId)) ?? '')
  return recorded(evidence).flatMap(({ id, calls, gradings }) => {
    const scored = gradings.flatMap(({ requests }) => requests).filter((one) => accepted([one]).length > 0)
    const began = Math.min(...scored.map((one) => one.began))
    return calls.flatMap((call) =>
      scored.length > 0 && !succeeded(id, call) && failedBefore(evidence, call, began)
        ? [`${keyOf(id, call.callId)}: ${codesOf(call)}`]
        : [],
    )
  })
}

const undeserved: Check = {
  name: 'rollouts scored although a call failed for our reasons',
  find: (evidence) => [...new Set([...scoredByLedger(evidence), ...scoredToTrainer(evidence)])],
}

const scoreKey = (rolloutId: string, sample: string) => `${rolloutId} "${sample}"`

const twice: Check = {
  name: 'gradings answered with two scores',
  find(evidence) {
    const stored = grouped(
      evidence.rows.grades.filter(({ outcome }) => outcome === 'scored'),
      ({ rolloutId, sample }) => scoreKey(rolloutId, sample),
    )
    const known = [...stored].flatMap(([key, all]) => (all.length > 1 ? [`${key} has ${all.length} scores`] : []))
    const told = recorded(evidence).flatMap(({ id, gradings }) =>
      gradings.flatMap(({ sample, requests }) => {
        const scores = new Set(accepted(requests).map(({ score }) => score))
        const standing = stored.get(scoreKey(id, sample))?.[0]?.score
        return scores.size === 0 || (scores.size === 1 && scores.has(standing ?? undefined))
          ? []
          : [`${scoreKey(id, sample)} was answered ${[...scores].join(', ')} and is ${standing}`]
      }),
    )
    return [...known, ...told]
  },
}

const blind: Check = {
  name: 'scores without an acknowledged call',
  find({ seen, rows }) {
    const rollouts = new Map<string, SeenRollout>(seen.map((rollout) => [rollout.id, rollout]))
    return rows.grades.flatMap(({ rolloutId, sample, parts }) => {
      const { calls = [], gradings = [] } = rollouts.get(rolloutId) ?? {}
      const began = Math.min(
        ...gradings.filter((one) => one.sample === sample).flatMap(({ requests }) => requests.map((one) => one.began)),
      )
      const before = calls.filter(({ requests }) => accepted(requests.filter(({ ended }) => ended <= began)).length > 0)
      return parts === null || parts.calls >= before.length
        ? []
        : [`${scoreKey(rolloutId, sample)} was shown ${parts.calls} calls of ${before.length}`]
    })
  },
}

/** Checks of the scores. */
export const gradingChecks: readonly Check[] = [undeserved, twice, blind]
