import type OpenAI from 'openai'

/** What may be spent on a model; what is left out has no limit. */
export interface SpendingLimits {
  /** The most requests that run at a time. */
  readonly concurrency: number
  /** Tokens, read and given together. */
  readonly tokens?: number | undefined
  readonly dollars?: number | undefined
  /** What a million tokens cost, read and given. */
  readonly dollarsPerMillion?: { readonly input: number; readonly output: number } | undefined
}

/** Counts what a model costs. */
export interface Spending {
  /** Asks within the limits: waits for its turn, throws {@link LimitReached} when no more may be spent. */
  within(ask: () => Promise<OpenAI.Responses.Response>): Promise<OpenAI.Responses.Response>
  readonly spent: { readonly inputTokens: number; readonly outputTokens: number; readonly dollars: number }
}

/** Thrown when no more may be spent on a model. */
export class LimitReached extends Error {
  override readonly name = 'LimitReached'
}

/** Counts from nothing. `onLimit` is told once, when a limit is reached: what runs then may end, and nothing more is asked. */
export function createSpending(limits: SpendingLimits, onLimit: (reached: LimitReached) => void): Spending {
  const { concurrency, tokens = Number.POSITIVE_INFINITY, dollars = Number.POSITIVE_INFINITY } = limits
  const prices = limits.dollarsPerMillion ?? { input: 0, output: 0 }
  const spent = { inputTokens: 0, outputTokens: 0, dollars: 0 }
  const waiting: (() => void)[] = []
  let running = 0
  let reached: LimitReached | undefined

  const count = ({ usage }: OpenAI.Responses.Response): void => {
    spent.inputTokens += usage?.input_tokens ?? 0
    spent.outputTokens += usage?.output_tokens ?? 0
    spent.dollars = (spent.inputTokens * prices.input + spent.outputTokens * prices.output) / 1e6
    const used = spent.inputTokens + spent.outputTokens
    if (reached !== undefined || (used < tokens && spent.dollars < dollars)) return
    const what = used >= tokens ? `${tokens} tokens` : `$${dollars}`
    reached = new LimitReached(`the limit of ${what} for the model is reached`)
    onLimit(reached)
  }

  return {
    spent,
    async within(ask) {
      if (running >= concurrency) await new Promise<void>((resolve) => waiting.push(resolve))
      else running += 1
      try {
        if (reached !== undefined) throw reached
        const response = await ask()
        count(response)
        return response
      } finally {
        // Who waits takes the place over.
        const next = waiting.shift()
        if (next === undefined) running -= 1
        else next()
      }
    },
  }
}
