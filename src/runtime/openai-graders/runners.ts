import type { GraderErrors } from './grader-errors.ts'
import type { Message } from './messages.ts'
import type {
  EndpointGrader,
  LabelModelGrader,
  PythonGrader,
  ScoreModelGrader,
  SimilarityMetric,
} from './single-graders.ts'
import type { Subject } from './template-path.ts'

/** The tokens of one answer of a judging model. */
export interface ModelUsage {
  readonly model: string
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly cached_tokens: number
}

/** The fields of every answer of a runner. */
interface WithUsage {
  /** The tokens spent, whether there is an answer or not. */
  readonly usage?: readonly ModelUsage[]
}

/** No answer: the flags to raise, and a reason for a person. */
export interface NoAnswer extends WithUsage {
  readonly ok: false
  readonly errors: Partial<GraderErrors>
  readonly reason: string
}

/** A score before it is clamped, or why there is none. */
export type ScoreAnswer =
  | (WithUsage & { readonly ok: true; readonly score: number; readonly reason?: string })
  | NoAnswer

/** The label of a judging model, or why there is none. */
export type LabelAnswer =
  | (WithUsage & { readonly ok: true; readonly label: string; readonly reason?: string })
  | NoAnswer

/**
 * Measures the similarity of two texts, or says why it cannot. Throws a RangeError for a reference that is too long.
 */
export type Similarity = (input: string, reference: string, signal: AbortSignal) => number | Promise<number | NoAnswer>

/**
 * The services that graders use. A grading that needs a missing one has no score and raises a flag. A runner returns
 * `ok: false` if it has no answer; what it throws, `runGrader` throws.
 */
export interface Runners {
  /** The scorer of a metric, undefined if it is not available. */
  readonly similarity: (metric: SimilarityMetric) => Similarity | undefined
  /** Asks a model for a number; the messages are rendered. */
  readonly scoreModel?: (
    grader: ScoreModelGrader,
    messages: readonly Message[],
    signal: AbortSignal,
  ) => Promise<ScoreAnswer>
  /** Asks a model for one of the grader's labels; the messages are rendered. */
  readonly labelModel?: (
    grader: LabelModelGrader,
    messages: readonly Message[],
    signal: AbortSignal,
  ) => Promise<LabelAnswer>
  /** Sends the sample and the item to the grader's address. */
  readonly endpoint?: (grader: EndpointGrader, subject: Subject, signal: AbortSignal) => Promise<ScoreAnswer>
  /** Runs `grade(sample, item)` in Python. */
  readonly python?: (grader: PythonGrader, subject: Subject, signal: AbortSignal) => Promise<ScoreAnswer>
}
