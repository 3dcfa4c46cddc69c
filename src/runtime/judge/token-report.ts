import type { Asking } from './asking.ts'

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
