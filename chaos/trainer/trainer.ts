import { setTimeout as sleep } from 'node:timers/promises'
import type { SeenRollout } from '../seen.ts'
import type { Sender } from './attempts.ts'
import { type Plan, planOf, slowPlan } from './plan.ts'
import { createPost } from './post.ts'
import { playRollout } from './rollout.ts'

/** A trainer at work. */
export interface Trainer {
  readonly rollouts: readonly SeenRollout[]
  /** How many rollouts are being played. */
  open(): number
  /** Plays so many rollouts more whose one call holds a connection of the database for `ms` milliseconds. */
  fillPools(count: number, ms: number): void
  /** Begins no more rollouts, and returns once those that are open have ended. */
  finish(): Promise<void>
  /** Begins no more and waits for nothing, because the run has failed. */
  abandon(): void
}

/** At the end of a burst the next one begins when so few of its rollouts are left. */
const stragglers = 0.3

/** Starts a trainer that plays bursts of rollouts, one after the other, until it is told to finish. */
export function startTrainer(replicas: Sender['replicas'], seed: string, burst: number): Trainer {
  const { post, close } = createPost()
  const rollouts: SeenRollout[] = []
  const playing = new Set<Promise<void>>()
  let number = 0
  let isOver = false

  const play = (plan: Plan) => {
    const rollout: SeenRollout = { id: plan.id, calls: [], gradings: [], discarded: false }
    rollouts.push(rollout)
    const played = playRollout({ replicas, post }, plan, rollout).finally(() => playing.delete(played))
    playing.add(played)
  }
  const bursts = async () => {
    while (!isOver) {
      for (let begun = 0; begun < burst; begun += 1) play(planOf(seed, number++))
      while (!isOver && playing.size > burst * stragglers) await sleep(50)
      await sleep(200)
    }
  }
  const working = bursts()
  return {
    rollouts,
    open: () => playing.size,
    fillPools(count, ms) {
      for (let begun = 0; begun < count; begun += 1) play(slowPlan(seed, number++, ms))
    },
    abandon() {
      isOver = true
      close()
    },
    async finish() {
      isOver = true
      await working
      while (playing.size > 0) await Promise.all(playing)
      close()
    },
  }
}
