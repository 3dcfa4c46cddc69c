import { setTimeout as sleep } from 'node:timers/promises'
import { choicesBy, randomFrom } from '../../src/workbench/simulate/random.ts'
import type { SeenCall, SeenGrading, SeenRollout } from '../seen.ts'
import { type Sender, sendPersistently } from './attempts.ts'
import type { Plan, PlannedCall } from './plan.ts'

const item = (id: string) => ({ question: `what of group ${id.length}?`, answer: 'unknown' })

/** Plays a rollout as a trainer does, and records the results in `rollout`. */
export async function playRollout(sender: Sender, plan: Plan, rollout: SeenRollout): Promise<void> {
  const random = choicesBy(randomFrom('chaos', 'played', plan.id))

  const call = async (planned: PlannedCall): Promise<boolean> => {
    const { callId, tool, behaviour, fits, early } = planned
    const seen: SeenCall = { callId, tool, behaviour, fits, attempts: [] }
    rollout.calls.push(seen)
    const answer = await sendPersistently(sender, seen.attempts, random, early, `/tools/${tool}`, bodyOf(plan, planned))
    return answer !== undefined
  }
  const grade = async (sample: string): Promise<boolean> => {
    const seen: SeenGrading = { sample, attempts: [] }
    rollout.gradings.push(seen)
    const body = { sample: { output_text: sample }, item: item(plan.id), trace_id: plan.id }
    return (await sendPersistently(sender, seen.attempts, random, plan.gradedTwice, '/grade', body)) !== undefined
  }

  for (const turn of plan.turns) {
    const made = await Promise.all(turn.map(call))
    if (made.includes(false)) {
      rollout.discarded = true
      break
    }
    // The model generates.
    await sleep(random.whole(5, 150))
  }
  if (rollout.discarded) {
    if (!plan.careless) return
    await sleep(random.whole(0, 4_000))
    for (const sample of plan.samples) await grade(sample)
    return
  }
  for (const sample of plan.samples) if (!(await grade(sample))) rollout.discarded = true
  if (!plan.lateRetry) return
  const late = random.shuffle(plan.turns.flat()).slice(0, 2)
  for (const planned of late) {
    const seen = rollout.calls.find(({ callId }) => callId === planned.callId)
    const body = bodyOf(plan, planned)
    if (seen) await sendPersistently(sender, seen.attempts, random, false, `/tools/${planned.tool}`, body)
  }
}

function bodyOf(plan: Plan, { callId, tool, behaviour, ms, fits }: PlannedCall) {
  const args = fits ? { behaviour, ms } : { behaviour: 'unheard of' }
  const ids = { id: `fc_${callId}`, call_id: callId, trace_id: plan.id }
  return { type: 'function_call', ...ids, name: tool, arguments: JSON.stringify(args), item: item(plan.id) }
}
