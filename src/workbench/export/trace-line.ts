import { z } from 'zod'
import type { ExportedRollout } from '../../ledger/reports/exported.ts'

const timestamp = z.iso.datetime()

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
  /** 1 for the first run of its tool; more if it failed and was made again. */
  execution: z.int(),
  started_at: timestamp,
  finished_at: timestamp.nullable(),
})

const grading = z.strictObject({
  grader: z.string(),
  version: z.string(),
  /** A hash of the grader's code; null where it is unknown. */
  code_hash: z.string().nullable(),
  source: z.enum(['trainer', 'regrade']),
  /** Whether the trainer was answered with this score. */
  sent: z.boolean(),
  sample_hash: z.string(),
  outcome: z.enum(['scored', 'ungradable', 'failed']),
  /** Null unless the outcome is `scored`: it is not a score of 0. */
  score: z.number().nullable(),
  parts: z.record(z.string(), z.number()).nullable(),
  reason: z.string().nullable(),
  code: z.string().nullable(),
  duration_ms: z.number(),
  created_at: timestamp,
})

/** A line of the format `trace`: one attempt of a rollout. */
export const traceLine = z.strictObject({
  run: z.string(),
  rollout: z.string(),
  /** 1 for the first use of the rollout's id, then 2, 3 … */
  attempt: z.int(),
  created_at: timestamp,
  item_hash: z.string(),
  /** The dataset row, including the reference. */
  item: z.unknown(),
  outcome: z.enum(['scored', 'ungradable', 'failed', 'open']),
  /** The latest score that the trainer was sent; null unless the outcome is `scored`. */
  score: z.number().nullable(),
  /** The model's final output, as the trainer sent it for that grading; null for an open rollout. */
  sample: z.unknown(),
  trajectory: z.array(call),
  /** The state of the rollout's tools; null where they stored none. */
  state: z.unknown(),
  gradings: z.array(grading),
  /** Samples of other gradings of the rollout, by their hashes. */
  other_samples: z.record(z.string(), z.unknown()),
  /** Where an export resumes after this line. */
  cursor: z.string(),
})

/** A line of the format `trace`. */
export type TraceLine = z.infer<typeof traceLine>

/** The line of a rollout. */
export function traceLineOf(exported: ExportedRollout, cursor: string): TraceLine {
  const { run, rollout, attempt, created_at, item_hash, item, outcome, score, calls, state } = exported
  const { [exported.sample_hash ?? '']: sample = null, ...other } = exported.samples
  const gradings = exported.gradings.map(({ id: _, ...grading }) => ({
    ...grading,
    sent: grading.source === 'trainer' && grading.outcome === 'scored',
  }))
  const own = { run, rollout, attempt, created_at, item_hash, item, outcome, score, sample, state, gradings }
  return { ...own, trajectory: [...calls], other_samples: other, cursor }
}
