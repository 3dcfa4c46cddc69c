import { z } from 'zod'
import { storable } from '../../base/json.ts'
import { UngradableError } from '../../kit/errors.ts'
import type { Judge } from '../../kit/judge.ts'
import type { Asked, Asking } from './asking.ts'
import { judgeMessages } from './messages.ts'
import { readJsonReply } from './reply.ts'

/**
 * Makes the judge that graders ask.
 *
 * The rules and the question stand in the system message, the answer under judgement in the user message, between two
 * lines that it cannot contain, and is said to be data. The reply is one JSON object, its reasoning first, so that the
 * number follows from it. A number is a number: a text such as "0.5" is asked for again. Throws an `UngradableError` when
 * there is no answer: `judge_refused`, `judge_unavailable`, `judge_declined`, `judge_unreadable` (503) or `judge_timed_out`
 * (504).
 *
 * @example
 * const judge = createJudge(createAsking(settings))
 * await judge({ prompt: 'Is it polite? 1: as a good clerk would put it.', answer: 'Get lost.' }, signal) // { score: 0, … }
 */
export function createJudge(asking: Asking): Judge {
  return async (question, signal) => {
    const { range = [0, 1], model = asking.defaultModel, sampling = {} } = question
    const [least, most] = range
    if (!(Number.isFinite(least) && Number.isFinite(most) && least < most)) {
      throw new RangeError(`a judge was asked for the range [${range.join(', ')}]; give it two numbers, least first`)
    }
    const messages = judgeMessages(question)
    const asked = await asking.ask({ model, messages, sampling, schema: schemaOf(range), read: readVerdict }, signal)
    if (!asked.ok) throw ungradable(asked, asking)
    const { score, reasoning } = asked.value
    return {
      score: Math.min(most, Math.max(least, score)),
      reasoning: storable(reasoning),
      model: asked.answeredBy,
      usage: asked.usage,
    }
  }
}

const schemaOf = ([least, most]: readonly [number, number]) => ({
  type: 'object',
  properties: {
    reasoning: { type: 'string', description: 'Why, in a few sentences.' },
    score: { type: 'number', description: `A number from ${least} to ${most} that follows from the reasoning.` },
  },
  required: ['reasoning', 'score'],
  additionalProperties: false,
})

const verdict = z.object({ reasoning: z.string().default(''), score: z.number() })

function readVerdict(text: string): z.infer<typeof verdict> | undefined {
  return verdict.safeParse(readJsonReply(text)).data
}

/** The message is for the trainer and the record, the cause for the operator: an API may quote what it was sent. */
function ungradable(asked: Asked<unknown> & { ok: false }, asking: Asking): UngradableError {
  const { fault, why, model, status, retryAfterSeconds } = asked
  const options = {
    cause: new Error(`${asking.address}: ${why}`),
    details: { model },
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  }
  switch (fault) {
    case 'refused':
      return new UngradableError(503, 'judge_refused', `the judge refused the request; ${settingFor(status)}`, options)
    case 'unavailable':
      return new UngradableError(503, 'judge_unavailable', 'the judge cannot be reached, or cannot answer', options)
    case 'declined':
      return new UngradableError(503, 'judge_declined', 'the judge refused to judge', options)
    case 'unreadable':
      return new UngradableError(503, 'judge_unreadable', 'the judge gave no number that can be read', options)
    case 'late':
      return new UngradableError(
        504,
        'judge_timed_out',
        `the judge took longer than ${asking.timeoutSeconds} s`,
        options,
      )
  }
}

function settingFor(status: number | undefined): string {
  if (status === 401 || status === 403) return 'see JUDGE_API_KEY'
  if (status === 404) return 'see JUDGE_MODEL, JUDGE_MODELS and JUDGE_URL'
  if (status === 429) return 'its quota is used up: see the account of JUDGE_API_KEY'
  return status !== undefined && status >= 300 && status < 400 ? 'it redirects: see JUDGE_URL' : 'see the log for why'
}
