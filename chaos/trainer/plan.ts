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
  /** Also sent to another replica before the first attempt is answered. */
  readonly early: boolean
}

/** What a rollout will do, unless the server fails. */
export interface Plan {
  readonly id: string
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

const behavioursByWeight: readonly (readonly [Behaviour, number])[] = [
  ['slow', 0.12],
  ['flaky', 0.05],
  ['refusing', 0.04],
  ['hanging', 0.004],
  ['deaf', 0.004],
  ['broken', 0.004],
]

/** The plan of the rollout with this number, a pure function of its arguments. */
export function planOf(seed: string, number: number): Plan {
  const random = choicesBy(randomFrom('chaos', 'rollout', seed, number))
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
  // Forty writing calls of one rollout run in sequence: slow ones would exceed every timeout.
  return { callId, tool, behaviour: kind === 'crowd' ? 'plain' : behaviour, ms, fits, early }
}

/** Rollouts whose tools hold database connections for `ms` milliseconds, to fill the pools. */
export function slowPlan(seed: string, number: number, ms: number): Plan {
  const call = { callId: 'call_0_0', tool: 'write', behaviour: 'slow', ms, fits: true, early: false } as const
  const rest = { samples: ['plain only'], gradedTwice: false, careless: false, lateRetry: false }
  return { id: `chaos_${seed}_slow_${number}`, turns: [[call]], ...rest }
}
