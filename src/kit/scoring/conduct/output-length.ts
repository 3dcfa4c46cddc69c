import type { Score } from '../score.ts'

/** The fields of a sample that these scorers read. */
export interface LengthSample {
  readonly output_text: string
  /** A string, or a list of strings or of objects with a `text`; most trainers do not send it. */
  readonly output_reasoning_summary?: unknown
  readonly [field: string]: unknown
}

/** The cost of length, in tokens. */
export interface LengthOptions {
  /** The length up to which the score is 1; at least 0. */
  readonly free: number
  /** The length from which the score is 0; more than `free`. */
  readonly most: number
  /** Counts the tokens of a text; {@link estimateTokens} by default. */
  readonly count?: (text: string) => number
}

/**
 * Estimates the number of tokens without a tokenizer: a quarter of the length in UTF-8 bytes, rounded up, a rule of thumb
 * for English. For other scripts and code it may be off by half.
 *
 * Source: OpenAI's help page "What are tokens and how to count them?".
 *
 * @example estimateTokens('The answer is 42.') // 5
 */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4)
}

/**
 * Scores how short the answer is: 1 up to `free` tokens, decreasing linearly to 0 at `most`. `parts.tokens` is the number of
 * tokens. An empty answer scores 1, so multiply by a score of the answer.
 *
 * Throws a RangeError unless 0 ≤ free < most, both finite.
 *
 * @example scoreOutputLength(sample, { free: 50, most: 250 }).score // 0.5 for 150 tokens
 */
export function scoreOutputLength(sample: LengthSample, options: LengthOptions): Score {
  return scoreLength(sample.output_text, 'the answer', options)
}

/**
 * Scores how short the summary of the model's reasoning is, like {@link scoreOutputLength}; undefined if the sample has
 * none, because then the length of the reasoning is unknown.
 */
export function scoreReasoningLength(sample: LengthSample, options: LengthOptions): Score | undefined {
  const summary = readSummary(sample.output_reasoning_summary)
  return summary === undefined ? undefined : scoreLength(summary, 'the reasoning summary', options)
}

function scoreLength(text: string, what: string, { free, most, count = estimateTokens }: LengthOptions): Score {
  if (!(free >= 0 && free < most && Number.isFinite(most))) {
    throw new RangeError(`free and most must be numbers with 0 ≤ free < most, not ${free} and ${most}`)
  }
  const tokens = count(text)
  const score = Math.min(1, Math.max(0, (most - tokens) / (most - free)))
  const beyond = tokens > free ? `, ${Math.round(tokens - free)} beyond ${free}` : ''
  return { score, reason: `${what} has ${tokens} tokens${beyond}`, parts: { tokens } }
}

function readSummary(summary: unknown): string | undefined {
  if (typeof summary === 'string') return summary
  if (!Array.isArray(summary)) return undefined
  const texts = summary.map((part: unknown) =>
    typeof part === 'object' && part !== null && 'text' in part ? part.text : part,
  )
  const written = texts.filter((text) => typeof text === 'string')
  return written.length === 0 ? undefined : written.join('\n')
}
