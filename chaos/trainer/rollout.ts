import { setTimeout as sleep } from 'node:timers/promises'
import { choicesBy, type Random, randomFrom } from '../../src/workbench/simulate/random.ts'
import type { Ends } from '../ends.ts'
import { attemptKey, type SeenCall, type SeenGrading, type SeenRollout } from '../seen.ts'
import type { Plan, PlannedCall, PlannedUse } from './plan.ts'
import { type Sender, sendPersistently } from './requests.ts'

/** One attempt: what is planned, and what the trainer saw of it. */
interface Play {
  readonly sender: Sender
  readonly random: Random
  readonly use: PlannedUse
  readonly seen: SeenRollout
}

/**
 * Plays the attempts of a rollout as a trainer does, as long as none is discarded, and ends the last one as planned. Adds
 * what it sees of each attempt to `rollouts`.
 */
export async function playRollout(sender: Sender, ends: Ends, plan: Plan, rollouts: SeenRollout[]): Promise<void> {
  const { run, id: name } = plan
  const random = choicesBy(randomFrom('chaos', 'played', run, name))
  let before: Play | undefined
  for (const [at, use] of plan.uses.entries()) {
    const id = attemptKey(run, name, at + 1)
    const seen: SeenRollout = {
      ...{ id, run, name, attempt: at + 1, calls: [], gradings: [], ending: 'left', discarded: false },
    }
    rollouts.push(seen)
    const play: Play = { sender, random, use, seen }
    if (use.follows === 'the same again') await ends.end(run, name)
    const isGraded = at + 1 < plan.uses.length || (plan.ending !== 'idle' && plan.ending !== 'closed')
    await playUse(play, use.follows === 'another item' ? before : undefined, isGraded)
    if (seen.discarded) return await giveUp(ends, use, seen)
    before = play
  }
  if (before !== undefined) await endAs(plan, ends, before.seen)
}

/** Ends a discarded rollout with a sandbox as one that is idle, because its place is needed. */
export async function giveUp(ends: Ends, { boxed }: PlannedUse, { run, name }: SeenRollout): Promise<void> {
  if (boxed) await ends.age(run, name)
}

/** Ends an attempt as planned, and notes how. */
export async function endAs({ ending }: Plan, ends: Ends, seen: SeenRollout): Promise<void> {
  if (ending === 'left') return
  const { run, name } = seen
  if (ending === 'ended' || ending === 'closed') await ends.end(run, name)
  else await ends.age(run, name)
  seen.ending = ending === 'closed' ? 'closed' : ending === 'idle' ? 'abandoned' : 'graded'
}

/** Plays an attempt; `before` is the one with another item, of which late retries arrive meanwhile. */
async function playUse(play: Play, before: Play | undefined, isGraded: boolean): Promise<void> {
  const { random, use, seen } = play
  for (const [at, turn] of use.turns.entries()) {
    const made = await Promise.all(turn.map((planned) => call(play, planned)))
    if (made.includes(false)) {
      seen.discarded = true
      break
    }
    if (at === 0 && before !== undefined) await Promise.all([retryCalls(before, 2), retryGrading(before)])
    // The model generates.
    await sleep(random.whole(5, 150))
  }
  if (seen.discarded) {
    if (!use.careless) return
    await sleep(random.whole(0, 4_000))
    for (const sample of use.samples) await grade(play, sample)
    return
  }
  if (!isGraded) return
  for (const sample of use.samples) if (!(await grade(play, sample))) seen.discarded = true
  if (use.lateRetry) await retryCalls(play, 2)
}

async function call(play: Play, planned: PlannedCall): Promise<boolean> {
  const { callId, tool, behaviour, fits, early } = planned
  const seen: SeenCall = { callId, tool, behaviour, fits, requests: [] }
  play.seen.calls.push(seen)
  return await sendCall(play, planned, seen, early)
}

async function sendCall({ sender, random, use, seen }: Play, planned: PlannedCall, call: SeenCall, early: boolean) {
  const path = `/runs/${seen.run}/tools/${planned.tool}`
  const body = callBody(seen.name, use, planned)
  return (await sendPersistently(sender, call.requests, random, early, path, body)) !== undefined
}

async function grade(play: Play, sample: string): Promise<boolean> {
  const seen: SeenGrading = { sample, requests: [] }
  play.seen.gradings.push(seen)
  return await sendGrading(play, seen, play.use.gradedTwice)
}

async function sendGrading({ sender, random, use, seen }: Play, grading: SeenGrading, early: boolean) {
  const body = { sample: { output_text: grading.sample }, item: itemOf(use), trace_id: seen.name }
  const path = `/runs/${seen.run}/grade`
  return (await sendPersistently(sender, grading.requests, random, early, path, body)) !== undefined
}

/** Repeats some calls that were answered. */
async function retryCalls(play: Play, count: number): Promise<void> {
  for (const planned of play.random.shuffle(play.use.turns.flat()).slice(0, count)) {
    const call = play.seen.calls.find(({ callId }) => callId === planned.callId)
    if (call) await sendCall(play, planned, call, false)
  }
}

async function retryGrading(play: Play): Promise<void> {
  const [grading] = play.seen.gradings
  if (grading) await sendGrading(play, grading, false)
}

/** The item of an attempt. */
export const itemOf = ({ question, boxed }: PlannedUse) => ({ question, answer: 'unknown', ...(boxed && { boxed }) })

/** The arguments of a call. */
export const argumentsOf = ({ behaviour, ms, fits }: Pick<PlannedCall, 'behaviour' | 'ms' | 'fits'>) =>
  fits ? { behaviour, ms } : { behaviour: 'unheard of' }

function callBody(rolloutId: string, use: PlannedUse, { callId, tool, behaviour, ms, fits }: PlannedCall) {
  const args = argumentsOf({ behaviour, ms, fits })
  const ids = { id: `fc_${callId}`, call_id: callId, trace_id: rolloutId }
  return { type: 'function_call', ...ids, name: tool, arguments: JSON.stringify(args), item: itemOf(use) }
}
