import { z } from 'zod'
import type { TokenUsage } from '../../kit/judge.ts'
import type { Asking } from './asking.ts'

/** No tokens. */
export const noUsage: TokenUsage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, cached_tokens: 0 }

/** The tokens of two together. */
export const addUsage = (one: TokenUsage, other: TokenUsage): TokenUsage => ({
  prompt_tokens: one.prompt_tokens + other.prompt_tokens,
  completion_tokens: one.completion_tokens + other.completion_tokens,
  total_tokens: one.total_tokens + other.total_tokens,
  cached_tokens: one.cached_tokens + other.cached_tokens,
})

const count = z.int().nonnegative().catch(0)

/** Reads what a chat completion says of its tokens; what it does not say, or says oddly, counts 0. */
export const tokenUsage = z
  .object({
    prompt_tokens: count,
    completion_tokens: count,
    total_tokens: count,
    prompt_tokens_details: z.object({ cached_tokens: count }).nullish().catch(undefined),
  })
  .transform(
    (said): TokenUsage => ({
      prompt_tokens: said.prompt_tokens,
      completion_tokens: said.completion_tokens,
      total_tokens: said.total_tokens === 0 ? said.prompt_tokens + said.completion_tokens : said.total_tokens,
      cached_tokens: said.prompt_tokens_details?.cached_tokens ?? 0,
    }),
  )
  .catch(noUsage)

/** What was spent on each model since the start. */
export interface Tally {
  add(model: string, usage: TokenUsage): void
  /** The sums so far, by model. */
  byModel(): ReadonlyMap<string, TokenUsage>
}

/** Makes a tally that begins with nothing. */
export function createTally(): Tally {
  const sums = new Map<string, TokenUsage>()
  return {
    add: (model, usage) => void sums.set(model, addUsage(sums.get(model) ?? noUsage, usage)),
    byModel: () => new Map(sums),
  }
}

/** What {@link startTokenReport} needs. */
export interface TokenReportSettings {
  readonly asking: Pick<Asking, 'usage'>
  /** Takes a line for the operator. */
  readonly say: (facts: Readonly<Record<string, unknown>>, message: string) => void
  /** How often, in milliseconds; once an hour when left out. */
  readonly everyMs?: number
}

/**
 * Tells the operator how many tokens each model has cost since the start: once an hour where it became more, and at the end.
 * Gives the function that ends it.
 */
export function startTokenReport({ asking, say, everyMs = 3_600_000 }: TokenReportSettings): () => void {
  const told = new Map<string, number>()
  const report = () => {
    for (const [model, usage] of asking.usage()) {
      if (told.get(model) === usage.total_tokens) continue
      told.set(model, usage.total_tokens)
      say({ code: 'judge_tokens', model, ...usage }, `the judge has used ${usage.total_tokens} tokens of ${model}`)
    }
  }
  const timer = setInterval(report, everyMs)
  timer.unref()
  return () => {
    clearInterval(timer)
    report()
  }
}
