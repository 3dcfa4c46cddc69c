import { z } from 'zod'
import type { TokenUsage } from '../../kit/judge.ts'

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
