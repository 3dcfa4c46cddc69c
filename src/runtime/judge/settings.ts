import { z } from 'zod'

/** Which judging models are asked, and how hard. */
export interface JudgeSettings {
  /** The base address of an API that speaks OpenAI's chat completions, such as `https://api.openai.com/v1`. */
  readonly url: string
  /** The model that is asked where a question names none. */
  readonly model: string
  readonly apiKey: string | undefined
  /** Models that are asked instead of those that questions name: retired ones, say. */
  readonly models: ReadonlyMap<string, string>
  /** The most requests in flight, of all rollouts together. */
  readonly concurrency: number
  /** How long one question may take, waiting and tries included, in seconds. */
  readonly timeoutSeconds: number
}

/** A grader may run for 300 seconds and the trainer waits for 600: a judge's silence is to be told before either. */
export const defaultJudgeSeconds = 240

/** Requests in flight when `JUDGE_CONCURRENCY` does not say otherwise. */
export const defaultJudgeConcurrency = 16

const mustMap = 'must be pairs of models separated by commas, such as gpt-4o=gpt-5-mini, each model once before a "="'

/**
 * Reads which models are asked instead of which, from pairs separated by commas.
 *
 * @example modelNames.parse('gpt-4o=gpt-5-mini,gpt-4=gpt-5') // new Map([['gpt-4o', 'gpt-5-mini'], ['gpt-4', 'gpt-5']])
 */
export const modelNames = z.string().transform((text, context): ReadonlyMap<string, string> => {
  const names = new Map<string, string>()
  for (const pair of text.split(',').map((each) => each.trim())) {
    if (pair === '') continue
    const [, from, to] = /^([^=\s]+)\s*=\s*([^=\s]+)$/u.exec(pair) ?? []
    if (from === undefined || to === undefined || names.has(from)) {
      context.addIssue({ code: 'custom', message: mustMap })
      return z.NEVER
    }
    names.set(from, to)
  }
  return names
})
