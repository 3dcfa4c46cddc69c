import { setTimeout as sleep } from 'node:timers/promises'
import type { SeenRollout } from '../seen.ts'
import type { Sender } from './attempts.ts'
import { type Plan, planOf, slowPlan } from './plan.ts'
import { createPost } from './post.ts'
import { playRollout } from './rollout.ts'

/** A running trainer. */
export interface Trainer {
  readonly rollouts: readonly SeenRollout[]
  /** How many rollouts are being played. */
  open(): number
  /** Plays `count` more rollouts whose one call holds a database connection for `ms` milliseconds. */
  fillPools(count: number, ms: number): void
  /** Starts no more rollouts, and resolves when the open ones have ended. */
  finish(): Promise<void>
  /** Starts no more rollouts and waits for none, because the run has failed. */
  abandon(): void
}

/** The next burst starts when this share of the previous one is left. */
const remainingShare = 0.3

/** Starts a trainer that plays bursts of rollouts, one after another, until `finish` is called. */
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
      while (!isOver && playing.size > burst * remainingShare) await sleep(50)
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
