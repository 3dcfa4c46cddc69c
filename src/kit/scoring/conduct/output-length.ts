import type { Score } from '../score.ts'

/** As much of a sample as these scorers look at. */
export interface LengthSample {
  readonly output_text: string
  /** A text, or a list of texts or of objects with a `text`; null or missing with most trainers. */
  readonly output_reasoning_summary?: unknown
  readonly [field: string]: unknown
}

/** What a length costs, in tokens. */
export interface LengthOptions {
  /** Up to here it costs nothing: 0 or more. */
  readonly free: number
  /** From here on nothing is left: more than `free`. */
  readonly most: number
  /** Counts the tokens of a text; without it {@link estimateTokens}. */
  readonly count?: (text: string) => number
}

/**
 * About how many tokens a text has, without a tokenizer: a quarter of its length in UTF-8 bytes, rounded up, the rule of
 * thumb for English. Other scripts and code may be off by half.
 *
 * Source: OpenAI's help page "What are tokens and how to count them?".
 *
 * @example estimateTokens('The answer is 42.') // 5
 */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4)
}

/**
 * Scores how short the answer is: 1 up to `free` tokens, and from there linearly down to 0 at `most`. `parts.tokens` is
 * their number. An empty answer is the shortest of all: take the score times what the answer is worth.
 *
 * Throws a RangeError unless 0 ≤ free < most, both finite.
 *
 * @example scoreOutputLength(sample, { free: 50, most: 250 }).score // 0.5 for 150 tokens
 */
export function scoreOutputLength(sample: LengthSample, options: LengthOptions): Score {
  return scoreLength(sample.output_text, 'the answer', options)
}

/**
 * Scores how short the summary of the model's reasoning is, as {@link scoreOutputLength} does; undefined where the
 * sample has none, since that says nothing about how much was thought.
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
