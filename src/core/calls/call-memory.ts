import { LRUCache } from 'lru-cache'
import type { Log } from '../../base/log.ts'
import type { CallIdentity, StoredCall } from '../../ledger/calls/call.ts'

/** How many rollouts are remembered, to look up only calls that need it. */
const mostRollouts = 20_000

/** Of how many calls of a rollout the ids are remembered, whatever its budget; further ones are looked up. */
const mostCalls = 200

/** What is remembered of a rollout. */
interface Known {
  readonly itemHash: string
  /** In the order in which they arrived. An array takes less memory than a set, and a rollout has few. */
  readonly callIds: string[]
}

/**
 * Creates the function that says whether a call must be looked up before its tool runs: its id arrived here before, its
 * rollout had another item, or the rollout's budget may be used up. What is forgotten, or arrived at another replica, is
 * found when the call is recorded. `rollout` is a key that no other rollout has, whatever its run.
 */
export function createCallMemory(
  budget = mostCalls,
): (rollout: string, call: Pick<CallIdentity, 'itemHash' | 'callId'>) => boolean {
  const most = Math.min(budget, mostCalls)
  const rollouts = new LRUCache<string, Known>({ max: mostRollouts })
  return (rollout, { itemHash, callId }) => {
    const known = rollouts.get(rollout)
    if (known === undefined) {
      rollouts.set(rollout, { itemHash, callIds: [callId] })
      return false
    }
    if (known.itemHash !== itemHash) return true
    if (known.callIds.includes(callId)) return true
    if (known.callIds.length <= most) known.callIds.push(callId)
    return known.callIds.length > most
  }
}

/** The most runs of which it is remembered that a call id was reused. */
const mostNotes = 1_000

/** Creates the function that logs, once per run, that a call id was used again for another call. */
export function createReuseNotes(log: Log): (call: StoredCall) => void {
  const noted = new Set<string>()
  return ({ run, rolloutId, callId, tool }) => {
    if (noted.has(run) || noted.size >= mostNotes) return
    noted.add(run)
    const facts = { run, rollout: rolloutId, call: callId, tool }
    const message = 'a call id was used again in its rollout for another call; the two are recorded as two calls'
    log.warn({ code: 'call_id_reused', ...facts }, message)
  }
}
