import { type Random, randomOf } from '../random.ts'
import type { ToolName } from '../seen.ts'
import type { Behaviour } from '../served/behaviour.ts'

/** A call that a rollout is going to make. */
export interface PlannedCall {
  readonly callId: string
  readonly tool: ToolName
  readonly behaviour: Behaviour
  readonly ms: number
  readonly fits: boolean
  /** Sent to another replica as well before the first attempt has been answered. */
  readonly early: boolean
}

/** What a rollout is going to do, as far as its server lets it. */
export interface Plan {
  readonly id: string
  /** Calls that are made together, one group after the other. */
  readonly turns: readonly (readonly PlannedCall[])[]
  /** What the model says at its end, each to be graded once. */
  readonly samples: readonly string[]
  /** The same grading is asked for on two replicas at once. */
  readonly gradedTwice: boolean
  /** Graded although a call of it was given up: no trainer should, and none must get a score for it. */
  readonly careless: boolean
  /** Some calls are sent once more when all is over. */
  readonly lateRetry: boolean
}

const behavioursByWeight: readonly (readonly [Behaviour, number])[] = [
  ['slow', 0.12],
  ['flaky', 0.05],
  ['refusing', 0.04],
  ['hanging', 0.004],
  ['deaf', 0.004],
  ['broken', 0.004],
]

/** The plan of the rollout of this number: a pure function of what it is given. */
export function planOf(seed: string, number: number): Plan {
  const random = randomOf('rollout', seed, number)
  const id = `chaos_${seed}_${number}`
  const name = (turn: number, nth: number) => `call_${turn}_${nth}`
  const crowd = random.chance(0.03)
  const turns = crowd
    ? [Array.from({ length: 40 }, (_, nth) => planCall(random, name(0, nth), 'crowd'))]
    : Array.from({ length: random.whole(1, 4) }, (_, turn) =>
        Array.from({ length: random.whole(1, 4) }, (_, nth) => planCall(random, name(turn, nth), 'alone')),
      )
  const tone = random.chance(0.05) ? 'flaky' : 'plain'
  return {
    id,
    turns,
    samples: random.chance(0.05) ? [`${tone} first`, `${tone} second`] : [`${tone} only`],
    gradedTwice: random.chance(0.1),
    careless: random.chance(0.5),
    lateRetry: random.chance(0.1),
  }
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
  // Forty calls of one rollout that write come one after the other: slow ones would outlast every patience.
  return { callId, tool, behaviour: kind === 'crowd' ? 'plain' : behaviour, ms, fits, early }
}

/** Rollouts whose tools hold the database's connections for so many milliseconds, to fill the pools. */
export function slowPlan(seed: string, number: number, ms: number): Plan {
  const call = { callId: 'call_0_0', tool: 'write', behaviour: 'slow', ms, fits: true, early: false } as const
  const rest = { samples: ['plain only'], gradedTwice: false, careless: false, lateRetry: false }
  return { id: `chaos_${seed}_slow_${number}`, turns: [[call]], ...rest }
}
