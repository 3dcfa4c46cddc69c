import { z } from 'zod'

/** One tool call as the trainer saw it. */
export const callTrace = z.object({
  call_id: z.string(),
  tool: z.string(),
  arguments: z.unknown(),
  /** The HTTP status of the answer that the agent read. */
  status: z.number(),
  output: z.string(),
  /** From the first attempt to the answer, in milliseconds. */
  ms: z.number(),
  attempts: z.number(),
  /** What the failed attempts failed of. */
  errors: z.array(z.string()),
  repeats: z.number(),
  differences: z.number(),
})

/** One rollout as the trainer saw it: a line of the trace file. */
export const rolloutTrace = z.object({
  rollout: z.string(),
  agent: z.string(),
  /** The item's place in the dataset, from 0. */
  item: z.number(),
  /** The hash of the item's content. */
  item_hash: z.string(),
  /** The rollout's place in the item's group, from 0. */
  member: z.number(),
  outcome: z.enum(['scored', 'discarded']),
  /** Null when it was discarded: it is no zero. */
  reward: z.number().nullable(),
  /** Why it was discarded; null when it was not. */
  discarded: z.string().nullable(),
  output_text: z.string(),
  output_tokens: z.number(),
  input_tokens: z.number(),
  steps: z.number(),
  calls: z.array(callTrace),
  grading: callTrace
    .pick({ status: true, ms: true, attempts: true, errors: true, repeats: true, differences: true })
    .nullable(),
  started_at: z.string(),
  ms: z.number(),
})

/** One tool call as the trainer saw it. */
export type CallTrace = z.infer<typeof callTrace>
/** One rollout as the trainer saw it. */
export type RolloutTrace = z.infer<typeof rolloutTrace>
