import { z } from 'zod'
import type { ScoreAnswer } from './runners.ts'
import type { Subject } from './template-path.ts'

/** What an endpoint grader's address is sent. */
export interface EndpointRequest {
  readonly sample: unknown
  readonly item: unknown
  /** Left out where the rollout has no id. */
  readonly trace_id?: string
}

/**
 * What an endpoint grader's address is sent, as Azure's preview has it.
 *
 * @see https://github.com/microsoft-foundry/fine-tuning/blob/main/Docs/tool-call-endpoint-grader.md
 */
export function endpointRequest({ sample, item, rolloutId }: Subject): EndpointRequest {
  return { sample, item, ...(rolloutId === undefined || rolloutId === '' ? {} : { trace_id: rolloutId }) }
}

const answer = z.object({ score: z.number() })

/** Reads the score of an endpoint's answer, `{ "score": 0.5 }`: a finite number; a text with a number in it is none. */
export function readEndpointAnswer(json: unknown): ScoreAnswer {
  const read = answer.safeParse(json)
  if (read.success) return { ok: true, score: read.data.score }
  return {
    ok: false,
    errors: { other_error: true },
    reason: 'the endpoint’s answer is not { "score": a finite number }',
  }
}
