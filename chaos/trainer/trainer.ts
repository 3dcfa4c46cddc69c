import { setTimeout as sleep } from 'node:timers/promises'
import type { Ends } from '../ends.ts'
import type { ChaosOptions } from '../options.ts'
import type { SeenRollout } from '../seen.ts'
import { deletedRun, type Plan, planOf, slowPlan } from './plan.ts'
import { createPost } from './post.ts'
import type { Sender } from './requests.ts'
import { playRollout } from './rollout.ts'
import { playSession } from './sessions.ts'

/** A running trainer. */
export interface Trainer {
  readonly rollouts: readonly SeenRollout[]
  /** The runs whose rollouts are over, and whether each has been deleted: none is in which a rollout was discarded. */
  readonly runs: ReadonlyMap<string, boolean>
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

/**
 * Starts a trainer that plays bursts of rollouts, one after another, until `finish` is called. A third of each burst is in
 * a run of its own, which it deletes afterwards.
 */
export function startTrainer(
  replicas: Sender['replicas'],
  ends: Ends,
  { seed, burst, sandboxes }: Pick<ChaosOptions, 'seed' | 'burst' | 'sandboxes'>,
): Trainer {
  const { post, close } = createPost()
  const rollouts: SeenRollout[] = []
  const playing = new Set<Promise<void>>()
  const runs = new Map<string, boolean>()
  let number = 0
  let isOver = false

  const add = (work: Promise<void>): Promise<void> => {
    const added = work.finally(() => playing.delete(added))
    playing.add(added)
    return added
  }
  const play = (plan: Plan) => {
    const byWire = plan.wire === 'agent-rft' ? playRollout : playSession
    return add(byWire({ replicas, post }, ends, plan, rollouts))
  }
  // After a discarded rollout, a replica may record a failure later, which would make the run anew.
  const deleteRun = async (run: string, played: readonly Promise<void>[]) => {
    await Promise.all(played)
    const isClean = !rollouts.some((one) => one.run === run && one.discarded)
    if (isClean) await ends.deleteRun(run)
    runs.set(run, isClean)
  }
  const bursts = async () => {
    for (let nth = 0; !isOver; nth += 1) {
      const own: Promise<void>[] = []
      for (let begun = 0; begun < burst; begun += 1) {
        const plan = planOf(seed, number++, nth, sandboxes)
        const played = play(plan)
        if (plan.run === deletedRun(nth)) own.push(played)
      }
      void add(deleteRun(deletedRun(nth), own))
      while (!isOver && playing.size > burst * remainingShare) await sleep(50)
      await sleep(200)
    }
  }
  const working = bursts()
  return {
    rollouts,
    runs,
    open: () => playing.size,
    fillPools(count, ms) {
      for (let begun = 0; begun < count; begun += 1) void play(slowPlan(number++, ms))
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
