import { LRUCache } from 'lru-cache'
import type { Log } from '../../base/log.ts'
import type { CallIdentity, StoredCall } from '../../ledger/calls/call.ts'

/** How many rollouts are remembered, to look up only calls that need it. */
const mostRollouts = 20_000

/** Of how many calls of a rollout without a budget the ids are remembered; further ones are looked up. */
const mostCalls = 200

/**
 * Creates the function that says whether a call must be looked up before its tool runs: its id arrived here before, its
 * rollout had another item, or the rollout's budget may be used up. What is forgotten, or arrived at another replica, is
 * found when the call is recorded.
 */
export function createCallMemory(budget = mostCalls): (call: CallIdentity) => boolean {
  const rollouts = new LRUCache<string, { readonly itemHash: string; readonly calls: Set<string> }>({
    max: mostRollouts,
  })
  return (call) => {
    const key = `${call.run}/${call.rolloutId}`
    const known = rollouts.get(key)
    if (known === undefined) {
      rollouts.set(key, { itemHash: call.itemHash, calls: new Set([call.callId]) })
      return false
    }
    if (known.itemHash !== call.itemHash) return true
    const isKnown = known.calls.has(call.callId)
    if (known.calls.size <= budget) known.calls.add(call.callId)
    return isKnown || known.calls.size > budget
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
