import type OpenAI from 'openai'

/** Limits of what a model may cost; what is left out is unlimited. */
export interface SpendingLimits {
  /** The most requests that run at the same time. */
  readonly concurrency: number
  /** Input and output tokens together. */
  readonly tokens?: number | undefined
  readonly dollars?: number | undefined
  /** The price of a million input and output tokens. */
  readonly dollarsPerMillion?: { readonly input: number; readonly output: number } | undefined
}

/** Counts what a model costs. */
export interface Spending {
  /** Makes a request within the limits: waits for a free slot, and throws {@link LimitReached} when a limit is reached. */
  within(ask: () => Promise<OpenAI.Responses.Response>): Promise<OpenAI.Responses.Response>
  readonly spent: { readonly inputTokens: number; readonly outputTokens: number; readonly dollars: number }
}

/** A limit of what a model may cost is reached. */
export class LimitReached extends Error {
  override readonly name = 'LimitReached'
}

/** Counts from 0. `onLimit` is called once, when a limit is reached; running requests end, and no more are made. */
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
        // The next waiting request takes the slot.
        const next = waiting.shift()
        if (next === undefined) running -= 1
        else next()
      }
    },
  }
}
