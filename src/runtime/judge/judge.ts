import { z } from 'zod'
import { storable } from '../../base/text.ts'
import { UngradableError } from '../../kit/errors.ts'
import type { Judge } from '../../kit/judge.ts'
import type { JudgeClient, ModelAnswer } from './judge-client.ts'
import { judgeMessages } from './messages.ts'
import { readJsonReply } from './reply.ts'

/**
 * Makes the judge that graders ask.
 *
 * The system message holds the rules and the question. The user message holds the answer under judgement, between two lines
 * that the answer cannot contain, and the rules say that it is data. The reply is one JSON object with the reasoning first,
 * so that the number follows from it. A string such as "0.5" is not accepted as a number; the judge is asked again.
 *
 * Throws an `UngradableError` if there is no answer: `judge_refused`, `judge_unavailable`, `judge_declined`,
 * `judge_unreadable` (503) or `judge_timed_out` (504). Throws a `RangeError` for a range without two finite numbers in
 * ascending order.
 *
 * @example
 * const judge = createJudge(createJudgeClient(settings))
 * await judge({ prompt: 'Is it polite? 1: as a good clerk would put it.', answer: 'Get lost.' }, signal) // { score: 0, … }
 */
export function createJudge(client: JudgeClient): Judge {
  return async (question, signal) => {
    const { range = [0, 1], model = client.defaultModel, sampling = {} } = question
    const [min, max] = range
    if (!(Number.isFinite(min) && Number.isFinite(max) && min < max)) {
      throw new RangeError(`the judge's range is [${range.join(', ')}]; give two finite numbers, the lower one first`)
    }
    const messages = judgeMessages(question)
    const answer = await client.ask({ model, messages, sampling, schema: schemaOf(range), read: readVerdict }, signal)
    if (!answer.ok) throw ungradable(answer, client)
    const { score, reasoning } = answer.value
    return {
      score: Math.min(max, Math.max(min, score)),
      reasoning: storable(reasoning),
      model: answer.answeredBy,
      usage: answer.usage,
    }
  }
}

function schemaOf([min, max]: readonly [number, number]) {
  return {
    type: 'object',
    properties: {
      reasoning: { type: 'string', description: 'Why, in a few sentences.' },
      score: { type: 'number', description: `A number from ${min} to ${max} that follows from the reasoning.` },
    },
    required: ['reasoning', 'score'],
    additionalProperties: false,
  }
}

const verdict = z.object({ reasoning: z.string().default(''), score: z.number() })

function readVerdict(text: string): z.infer<typeof verdict> | undefined {
  return verdict.safeParse(readJsonReply(text)).data
}

/** The message is for the trainer and the record, the cause for the operator: an API may quote the request. */
function ungradable(answer: ModelAnswer<unknown> & { ok: false }, client: JudgeClient): UngradableError {
  const { fault, reason, model, status, retryAfterSeconds } = answer
  const options = {
    cause: new Error(`${client.address}: ${reason}`),
    details: { model },
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  }
  switch (fault) {
    case 'refused':
      return new UngradableError(503, 'judge_refused', `the judge refused the request; ${hintFor(status)}`, options)
    case 'unavailable':
      return new UngradableError(503, 'judge_unavailable', 'the judge is unavailable', options)
    case 'declined':
      return new UngradableError(503, 'judge_declined', 'the judge declined to answer', options)
    case 'unreadable':
      return new UngradableError(503, 'judge_unreadable', 'the judge gave no readable number', options)
    case 'timed_out': {
      const message = `the judge took longer than ${client.timeoutSeconds} s`
      return new UngradableError(504, 'judge_timed_out', message, options)
    }
  }
}

function hintFor(status: number | undefined): string {
  if (status === 401 || status === 403) return 'see JUDGE_API_KEY'
  if (status === 404) return 'see JUDGE_MODEL, JUDGE_MODELS and JUDGE_URL'
  if (status === 429) return 'its quota is exhausted: see the account of JUDGE_API_KEY'
  const isRedirect = status !== undefined && status >= 300 && status < 400
  return isRedirect ? 'it redirects: see JUDGE_URL' : 'see the log for the reason'
}
