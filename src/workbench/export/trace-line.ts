import { z } from 'zod'
import type { ExportedRollout } from '../../ledger/reports/exported.ts'

const moment = z.iso.datetime()

const call = z.strictObject({
  /** 1, 2, 3 … without gaps. */
  seq: z.int(),
  call_id: z.string(),
  tool: z.string(),
  arguments: z.unknown(),
  output: z.string(),
  outcome: z.enum(['running', 'ok', 'refused', 'failed']),
  /** A stable code; null where the outcome is `ok`. */
  code: z.string().nullable(),
  /** How often it was tried. */
  attempt: z.int(),
  started_at: moment,
  finished_at: moment.nullable(),
})

const grading = z.strictObject({
  grader: z.string(),
  version: z.string(),
  /** A hash of the grader's code; null where it was not known. */
  code_hash: z.string().nullable(),
  source: z.enum(['trainer', 'regrade']),
  /** Whether the trainer was answered with this score. */
  sent: z.boolean(),
  sample_hash: z.string(),
  outcome: z.enum(['scored', 'ungradable', 'failed']),
  /** Null unless the outcome is `scored`: it is no zero. */
  score: z.number().nullable(),
  parts: z.record(z.string(), z.number()).nullable(),
  reason: z.string().nullable(),
  code: z.string().nullable(),
  duration_ms: z.number(),
  created_at: moment,
})

/** A line of the format `trace`: one rollout, whole. */
export const traceLine = z.strictObject({
  rollout: z.string(),
  created_at: moment,
  item_hash: z.string(),
  /** The dataset row, the reference included. */
  item: z.unknown(),
  outcome: z.enum(['scored', 'ungradable', 'failed', 'open']),
  /** Of the grading that counts: the latest that the trainer was sent; null unless the outcome is `scored`. */
  score: z.number().nullable(),
  /** What the model ended with, as the trainer sent it to the grading that counts; null for an open rollout. */
  sample: z.unknown(),
  trajectory: z.array(call),
  /** What the rollout's tools remembered; null where they remembered nothing. */
  state: z.unknown(),
  gradings: z.array(grading),
  /** Samples of other gradings of the rollout, by their hashes. */
  other_samples: z.record(z.string(), z.unknown()),
  /** Where an export goes on behind this line. */
  cursor: z.string(),
})

/** A line of the format `trace`. */
export type TraceLine = z.infer<typeof traceLine>

/** Makes the line of a rollout. */
export function traceLineOf(exported: ExportedRollout, cursor: string): TraceLine {
  const { rollout, created_at, item_hash, item, outcome, score, sample_hash: counts, calls, state } = exported
  const { [counts ?? '']: sample = null, ...other } = exported.samples
  const gradings = exported.gradings.map(({ id: _, ...grading }) => ({
    ...grading,
    sent: grading.source === 'trainer' && grading.outcome === 'scored',
  }))
  return {
    ...{ rollout, created_at, item_hash, item, outcome, score, sample, trajectory: [...calls], state, gradings },
    ...{ other_samples: other, cursor },
  }
}
