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

/** How many tokens a judging model was sent and gave. */
export interface ModelUsage {
  readonly model: string
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly cached_tokens: number
}

/** What every answer of a runner may carry beside its outcome. */
interface Told {
  /** What the tokens were spent on, answered or not. */
  readonly usage?: readonly ModelUsage[]
}

/** A runner that could not answer: what is to be flagged, and why, for a person. */
export interface NoAnswer extends Told {
  readonly ok: false
  readonly errors: Partial<GraderErrors>
  readonly reason: string
}

/** A number as the grader made it, not yet clamped, or why there is none. */
export type ScoreAnswer = (Told & { readonly ok: true; readonly score: number; readonly reason?: string }) | NoAnswer

/** The label that a judging model chose, or why there is none. */
export type LabelAnswer = (Told & { readonly ok: true; readonly label: string; readonly reason?: string }) | NoAnswer

/**
 * Measures how alike two texts are, as a number, or says why it cannot tell. Throws a RangeError for a reference too long
 * to be measured.
 */
export type Similarity = (input: string, reference: string, signal: AbortSignal) => number | Promise<number | NoAnswer>

/**
 * What a grader needs beside its JSON. What is not given cannot be run here, and a grading that needs it says so in its
 * flags. A runner answers with `ok: false` when it cannot tell; what it throws, `runGrader` throws.
 */
export interface Runners {
  /** The scorer of a metric, undefined for one that is not served here. */
  readonly similarity: (metric: SimilarityMetric) => Similarity | undefined
  /** Asks a model for a number; the messages are filled in. */
  readonly scoreModel?: (
    grader: ScoreModelGrader,
    messages: readonly Message[],
    signal: AbortSignal,
  ) => Promise<ScoreAnswer>
  /** Asks a model for one of the grader's labels; the messages are filled in. */
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
