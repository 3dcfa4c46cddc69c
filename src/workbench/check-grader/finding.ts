/** What a check came to. A warning is something to look at that may be meant so; a failure is not. */
export interface Finding {
  readonly check: string
  readonly verdict: 'pass' | 'warn' | 'fail'
  /** What was found, in a sentence. */
  readonly found: string
  /** Why it matters, and what to do; empty where nothing is to be done. */
  readonly advice: string
  /** The answers that the verdict rests on, the worst first, as far as they are worth a look. */
  readonly examples: readonly FindingExample[]
}

/** One answer that a verdict rests on. */
export interface FindingExample {
  /** What was tried. */
  readonly attempt: string
  /** The item's place among those of the check, from 1. */
  readonly item: number
  /** The beginning of the answer. */
  readonly output: string
  /** What it earned, from 0 (least) to 1 (greatest); null where there was no score. */
  readonly earned: number | null
  readonly reason: string
}
