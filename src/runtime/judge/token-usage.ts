import { z } from 'zod'
import type { TokenUsage } from '../../kit/judge.ts'

/** No tokens. */
export const noUsage: TokenUsage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, cached_tokens: 0 }

/** Adds two token counts. */
export function addUsage(one: TokenUsage, other: TokenUsage): TokenUsage {
  return {
    prompt_tokens: one.prompt_tokens + other.prompt_tokens,
    completion_tokens: one.completion_tokens + other.completion_tokens,
    total_tokens: one.total_tokens + other.total_tokens,
    cached_tokens: one.cached_tokens + other.cached_tokens,
  }
}

const count = z.int().nonnegative().catch(0)

/** Reads the `usage` of a chat completion; fields that are missing or invalid count as 0. */
export const tokenUsage = z
  .object({
    prompt_tokens: count,
    completion_tokens: count,
    total_tokens: count,
    prompt_tokens_details: z.object({ cached_tokens: count }).nullish().catch(undefined),
  })
  .transform(
    (usage): TokenUsage => ({
      prompt_tokens: usage.prompt_tokens,
      completion_tokens: usage.completion_tokens,
      total_tokens: usage.total_tokens === 0 ? usage.prompt_tokens + usage.completion_tokens : usage.total_tokens,
      cached_tokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
    }),
  )
  .catch(noUsage)

/** How many requests to a model were answered, and how many failed. */
export interface RequestCounts {
  readonly answered: number
  readonly failed: number
}

/** The requests and the tokens used since the start, by model. */
export interface Tally {
  add(model: string, usage: TokenUsage, isAnswered: boolean): void
  byModel(): ReadonlyMap<string, TokenUsage>
  requests(): ReadonlyMap<string, RequestCounts>
}

/** Makes an empty tally. */
export function createTally(): Tally {
  const sums = new Map<string, TokenUsage>()
  const counts = new Map<string, RequestCounts>()
  return {
    add(model, usage, isAnswered) {
      sums.set(model, addUsage(sums.get(model) ?? noUsage, usage))
      const { answered, failed } = counts.get(model) ?? { answered: 0, failed: 0 }
      counts.set(model, isAnswered ? { answered: answered + 1, failed } : { answered, failed: failed + 1 })
    },
    byModel: () => new Map(sums),
    requests: () => new Map(counts),
  }
}

/** The options of {@link startTokenReport}. */
export interface TokenReportOptions {
  readonly usage: () => ReadonlyMap<string, TokenUsage>
  /** Writes a line for the operator. */
  readonly report: (facts: Readonly<Record<string, unknown>>, message: string) => void
  /** The interval, in milliseconds; one hour by default. */
  readonly everyMs?: number
}

/**
 * Reports how many tokens each model has used since the start: once an hour for models that used more, and at the end.
 * Returns the function that ends the reports.
 */
export function startTokenReport({ usage, report, everyMs = 3_600_000 }: TokenReportOptions): () => void {
  const reported = new Map<string, number>()
  const reportNew = () => {
    for (const [model, tokens] of usage()) {
      if (reported.get(model) === tokens.total_tokens) continue
      reported.set(model, tokens.total_tokens)
      report({ code: 'judge_tokens', model, ...tokens }, `the judge has used ${tokens.total_tokens} tokens of ${model}`)
    }
  }
  const timer = setInterval(reportNew, everyMs)
  timer.unref()
  return () => {
    clearInterval(timer)
    reportNew()
  }
}
