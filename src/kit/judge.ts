import { UngradableError } from './errors.ts'

/** Sampling parameters of a judging model; omitted ones are left to the model. */
export interface Sampling {
  readonly temperature?: number
  readonly topP?: number
  readonly seed?: number
  /** One of the model's levels, such as `low`, `medium` or `high`. */
  readonly reasoningEffort?: string
  /** The maximum number of tokens of an answer, including reasoning. */
  readonly maxTokens?: number
}

/** A question to a judging model. */
export interface JudgeQuestion {
  /** The grader's instructions: what to judge and how to score it. */
  readonly prompt: string
  /** The output of the model under training. It is fenced and marked as data, not instructions. */
  readonly answer: string
  /** The judging model; the server's default if omitted. */
  readonly model?: string
  /** Least and greatest score, inclusive; [0, 1] by default. The judge's score is clamped to it. */
  readonly range?: readonly [number, number]
  readonly sampling?: Sampling
}

/** Token counts as reported by OpenAI's API; all 0 if the answer was cached. */
export interface TokenUsage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  /** The prompt tokens that the API served from its own cache. */
  readonly cached_tokens: number
}

/** The answer of a judging model. */
export interface Judgement {
  /** Within the question's range. */
  readonly score: number
  /** The judge's explanation: for people, not for programs. */
  readonly reasoning: string
  /** The model that answered, as reported by the API. */
  readonly model: string
  /** The tokens used by this question, including failed tries; all 0 if the answer was cached. */
  readonly usage: TokenUsage
}

/**
 * Asks a model for a score. Throws an `UngradableError` if it does not answer, so that the rollout is discarded and not
 * scored 0.
 */
export type Judge = (question: JudgeQuestion, signal: AbortSignal) => Promise<Judgement>

/** The judge of a server without `JUDGE_URL`; always throws. */
export const noJudge: Judge = async () => {
  throw new UngradableError(
    503,
    'judge_not_configured',
    'the grader asks a judge, but none is configured; set JUDGE_URL',
  )
}
