import { z } from 'zod'

/** The settings of the judging models. */
export interface JudgeSettings {
  /** The base address of an API with OpenAI's chat completions, such as `https://api.openai.com/v1`. */
  readonly url: string
  /** The model for questions that name none. */
  readonly model: string
  readonly apiKey: string | undefined
  /** Replacements for models that questions name, such as retired ones. */
  readonly models: ReadonlyMap<string, string>
  /** The maximum of requests in flight, of all rollouts together. */
  readonly concurrency: number
  /** The timeout of one question, waiting and retries included, in seconds. */
  readonly timeoutSeconds: number
}

/** Less than a grader's 300 seconds and a trainer's 600, so that the record names the judge as the cause. */
export const defaultJudgeSeconds = 240

/** The default of `JUDGE_CONCURRENCY`. */
export const defaultJudgeConcurrency = 16

const mustMap = 'must be pairs of models separated by commas, such as gpt-4o=gpt-5-mini, each model once before a "="'

/**
 * Reads replacements for models from pairs separated by commas.
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
