import { UngradableError } from './errors.ts'

/** How a judging model is to write; what is left out is left to the model. */
export interface Sampling {
  readonly temperature?: number
  readonly topP?: number
  readonly seed?: number
  /** As the model names it: `low`, `medium`, `high`. */
  readonly reasoningEffort?: string
  /** The most tokens of an answer, those of its reasoning included. */
  readonly maxTokens?: number
}

/** What a judging model is asked. */
export interface JudgeQuestion {
  /** What is to be judged, and by what measure: the grader's own words, which the model is to follow. */
  readonly prompt: string
  /** What the model under training wrote. It is fenced and said to be data, whatever it says of itself. */
  readonly answer: string
  /** The model that is asked; the server's default when it is left out. */
  readonly model?: string
  /** Least and greatest number, inclusive, [0, 1] when left out; what the judge says beyond it is clamped. */
  readonly range?: readonly [number, number]
  readonly sampling?: Sampling
}

/** Tokens as OpenAI's API counts them, none of them where an answer was remembered. */
export interface TokenUsage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  /** Those of the prompt that the API had at hand from an earlier one. */
  readonly cached_tokens: number
}

/** What a judging model said. */
export interface Judgement {
  /** Within the question's range. */
  readonly score: number
  /** Why, in the judge's words: for a person, never for a program. */
  readonly reasoning: string
  /** The model that answered, by its own account. */
  readonly model: string
  /** What this question cost, tries that came to nothing included; all 0 when the answer was remembered. */
  readonly usage: TokenUsage
}

/**
 * Asks a model for a number. Throws an `UngradableError` when there is no answer, so that the rollout is discarded: a
 * judge's silence is not a zero.
 */
export type Judge = (question: JudgeQuestion, signal: AbortSignal) => Promise<Judgement>

/** The judge of a server that has none. */
export const noJudge: Judge = async () => {
  throw new UngradableError(503, 'judge_not_configured', 'the grader asks a judge, and none is set up; set JUDGE_URL')
}
