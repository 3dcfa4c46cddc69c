import type { Answer, DatasetItem } from '../agent.ts'
import type { Delivered } from '../deliver.ts'
import type { RolloutSettings } from '../play-rollout.ts'
import type { CallTrace } from '../trace.ts'

/** A rollout to open. */
export interface OpeningRollout {
  /** A fresh id, where the trainer names the rollout. */
  readonly id: string
  readonly item: DatasetItem
  /** The item's place in the dataset, from 0. */
  readonly index: number
  readonly settings: RolloutSettings
  readonly signal: AbortSignal
}

/** The result of asking for a score. */
export interface Graded {
  readonly delivered: Delivered
  /** Undefined when the answer has none: the rollout is discarded. */
  readonly reward: number | undefined
}

/** One rollout, as a trainer's client plays it over its protocol. All methods throw `NotDelivered`. */
export interface TrainerClient {
  /** The id by which the server knows the rollout. */
  readonly rollout: string
  /** Whether its client makes one call at a time. */
  readonly isSequential?: boolean
  /** Makes a call; the result's `text` is what the model reads. */
  call(call: { readonly callId: string; readonly tool: string; readonly arguments: string }): Promise<Delivered>
  /** Asks for the score. */
  grade(answer: Answer, calls: readonly CallTrace[], signal: AbortSignal): Promise<Graded>
  /** Ends the rollout, where the protocol has that. */
  close?(signal: AbortSignal): Promise<void>
}

/** Opens a rollout over one protocol. */
export type TrainerWire = (rollout: OpeningRollout) => Promise<TrainerClient>

/** A text read as JSON; undefined where it is not JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
