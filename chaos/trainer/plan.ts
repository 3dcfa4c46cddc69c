import { choicesBy, type Random, randomFrom } from '../../src/workbench/simulate/random.ts'
import type { ToolName } from '../seen.ts'
import type { Behaviour } from '../served/behaviour.ts'

/** A call that a rollout will make. */
export interface PlannedCall {
  readonly callId: string
  readonly tool: ToolName
  readonly behaviour: Behaviour
  readonly ms: number
  readonly fits: boolean
  /** Also sent to another replica before the first request is answered. */
  readonly early: boolean
}

/** How an attempt follows the one before it under the same id. */
export type Following = 'first' | 'another item' | 'other calls' | 'the same again'

/** What an attempt will do, unless the server fails. */
export interface PlannedUse {
  /** `the same again` is played after the end of the attempt before it. */
  readonly follows: Following
  readonly question: string
  /** Whether it may use its sandbox. */
  readonly boxed: boolean
  /** Groups of parallel calls, in sequence. */
  readonly turns: readonly (readonly PlannedCall[])[]
  /** The final outputs, each to be graded once. */
  readonly samples: readonly string[]
  /** The same grading is requested from two replicas at once. */
  readonly gradedTwice: boolean
  /** Graded although the trainer gave up on one of its calls; it must not get a score. */
  readonly careless: boolean
  /** Some calls are repeated after the grading. */
  readonly lateRetry: boolean
}

/** The protocols that rollouts are played over. */
export type WireName = 'agent-rft' | 'nemo-gym' | 'ors'

/** What a rollout will do: the trainer uses its id once, or several times in as many attempts. */
export interface Plan {
  readonly run: string
  readonly id: string
  readonly uses: readonly PlannedUse[]
  /** The protocol. Over those with sessions an id is used once, and calls are made one after the other. */
  readonly wire: WireName
  /** How the last attempt ends: graded or idle when its time is over, or by the verb, graded or not; `left` until the end. */
  readonly ending: 'left' | 'graded' | 'idle' | 'ended' | 'closed'
}

const behavioursByWeight: readonly (readonly [Behaviour, number])[] = [
  ['slow', 0.12],
  ['flaky', 0.05],
  ['refusing', 0.04],
  ['hanging', 0.004],
  ['deaf', 0.004],
  ['broken', 0.004],
]

/** How many runs are played at the same time, with the same ids. */
const runsAtOnce = 3

/** The run that is deleted when its rollouts of this burst are over. */
export const deletedRun = (burst: number) => `deleted_${burst}`

/**
 * The plan of the rollout with this number, a pure function of its arguments. Three in a row have the same id in three runs;
 * one of the runs belongs to the burst, and is deleted after it. With `sandboxes`, a part of the rollouts have one.
 */
export function planOf(seed: string, number: number, burst = 0, sandboxes = false): Plan {
  const plan = plainPlan(seed, number, burst)
  if (!sandboxes) return plan
  const random = choicesBy(randomFrom('chaos', 'sandbox', seed, number))
  if (!random.chance(boxedShare)) return plan
  // By its id alone: an attempt may repeat the calls of the one before.
  const inBox = (call: PlannedCall): PlannedCall => {
    const drawn = choicesBy(randomFrom('chaos', 'boxed call', seed, number, call.callId))
    return drawn.chance(0.6) ? { ...call, tool: 'box' } : call
  }
  const uses = plan.uses.map((use) => ({ ...use, boxed: true, turns: use.turns.map((turn) => turn.map(inBox)) }))
  // It ends soon, because its place is needed.
  const soon = random.pick<Plan['ending']>(['graded', 'idle', 'ended', 'closed'])
  return { ...plan, uses, ending: plan.ending === 'left' ? soon : plan.ending }
}

/** The share of rollouts with a sandbox in a run with sandboxes. */
const boxedShare = 0.4

function plainPlan(seed: string, number: number, burst: number): Plan {
  const random = choicesBy(randomFrom('chaos', 'rollout', seed, number))
  const run = ['one', 'two'][number % runsAtOnce] ?? deletedRun(burst)
  const id = `rollout_${Math.floor(number / runsAtOnce)}`
  const first = planUse(random, `what of ${id.length}?`)
  const uses = [first]
  for (let more = random.chance(0.3) ? random.whole(1, 2) : 0; more > 0; more -= 1) {
    const follows = random.pick<Following>(['another item', 'other calls', 'the same again'])
    uses.push(planNext(random, uses.at(-1) ?? first, uses.length, follows))
  }
  const ending = random.pick<Plan['ending']>(['left', 'graded', 'idle', 'ended', 'closed'])
  const drawn = random.next()
  const wire = drawn < 0.15 ? 'nemo-gym' : drawn < 0.3 ? 'ors' : 'agent-rft'
  return { run, id, uses: wire === 'agent-rft' ? uses : [first], wire, ending }
}

function planUse(random: Random, question: string): PlannedUse {
  const name = (turn: number, nth: number) => `call_${turn}_${nth}`
  const crowd = random.chance(0.03)
  const turns = crowd
    ? [Array.from({ length: 40 }, (_, nth) => planCall(random, name(0, nth), 'crowd'))]
    : Array.from({ length: random.whole(1, 4) }, (_, turn) =>
        Array.from({ length: random.whole(1, 4) }, (_, nth) => planCall(random, name(turn, nth), 'alone')),
      )
  const tone = random.chance(0.05) ? 'flaky' : 'plain'
  return {
    follows: 'first',
    question,
    boxed: false,
    turns,
    samples: random.chance(0.05) ? [`${tone} first`, `${tone} second`] : [`${tone} only`],
    gradedTwice: random.chance(0.1),
    careless: random.chance(0.5),
    lateRetry: random.chance(0.1),
  }
}

function planNext(random: Random, before: PlannedUse, nth: number, follows: Following): PlannedUse {
  if (follows === 'the same again') return { ...before, follows, careless: false }
  if (follows === 'another item') return { ...planUse(random, `${before.question} and ${nth}`), follows }
  // Of an attempt without a recorded call, a grading would belong to the one before it.
  const { question, turns, ...rest } = planUse(random, before.question)
  const named = turns.map((calls) => calls.map((call) => ({ ...call, callId: `${call.callId}_of_${nth}` })))
  return { ...rest, question, turns: named, follows, careless: false }
}

function planCall(random: Random, callId: string, kind: 'crowd' | 'alone'): PlannedCall {
  const ms = random.whole(10, 300)
  const early = random.chance(0.05)
  const fits = !random.chance(0.01)
  const tool = random.chance(0.01) ? 'nothing' : random.pick<ToolName>(['look', 'look', 'write', 'act'])
  let behaviour: Behaviour = 'plain'
  let drawn = random.next()
  for (const [one, weight] of behavioursByWeight) {
    if (drawn >= 0 && drawn < weight) behaviour = one
    drawn -= weight
  }
  // Forty writing calls of one rollout run in sequence: slow ones would exceed every timeout.
  return { callId, tool, behaviour: kind === 'crowd' ? 'plain' : behaviour, ms, fits, early }
}

/** Rollouts whose tools hold database connections for `ms` milliseconds, to fill the pools. */
export function slowPlan(number: number, ms: number): Plan {
  const call = { callId: 'call_0_0', tool: 'write', behaviour: 'slow', ms, fits: true, early: false } as const
  const rest = { samples: ['plain only'], gradedTwice: false, careless: false, lateRetry: false }
  const use = { follows: 'first', question: 'what is slow?', boxed: false, turns: [[call]], ...rest } as const
  return { run: 'slow', id: `slow_${number}`, uses: [use], wire: 'agent-rft', ending: 'left' }
}
