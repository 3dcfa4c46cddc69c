import { z } from 'zod'
import type { GradingAnswer } from '../../core/grading/grading.ts'
import { jsonAnswer } from '../http.ts'
import { outputText } from '../sample.ts'
import type { Wire } from '../wire.ts'
import type { Entry } from './entry.ts'
import { gradeBatch, rewardApp } from './grade-batch.ts'
import { rewardPaths } from './reward-paths.ts'

const assistant = z.looseObject({ role: z.literal('assistant'), content: z.unknown() })
const sample = z
  .looseObject({
    id: z.union([z.string(), z.number()]),
    messages: z.array(z.unknown()).min(1),
  })
  .transform(({ id, messages, ...fields }, context) => {
    const last = assistant.safeParse(messages.at(-1))
    const text = last.success ? outputText({ choices: [{ message: last.data }] }) : undefined
    if (text !== undefined) return { id, text, item: { ...fields, messages: messages.slice(0, -1) } }
    const message = 'must end with the message of the assistant, whose content is a text'
    context.addIssue({ code: 'custom', path: ['messages'], message })
    return z.NEVER
  })
const rewardBody = z.array(sample).min(1)

const answer = {
  type: 'array',
  items: {
    type: 'object',
    required: ['id', 'aggregate_reward_score', 'metrics_list'],
    properties: {
      id: { type: ['string', 'number'] },
      aggregate_reward_score: { type: 'number' },
      metrics_list: {
        type: 'array',
        items: {
          type: 'object',
          required: ['name', 'value', 'type'],
          properties: { name: { type: 'string' }, value: { type: 'number' }, type: { const: 'Reward' } },
        },
      },
    },
  },
}

const name = 'aws'

/**
 * The list of a reward Lambda (Amazon Bedrock, SageMaker, Nova): a forwarder Lambda posts it as it is, and returns the
 * answer. The item is the row of the dataset, without the sample's id and the assistant's last message.
 */
export const aws: Wire = {
  name,
  prefix: '/reward/aws',
  sendsKey: true,
  describe: (_, graders) =>
    rewardPaths({ summary: 'The rewards of the samples of a reward Lambda', body: rewardBody, answer, graders }),
  create: (deps) =>
    rewardApp(name, rewardBody, deps, async (c, request) => {
      const entries: Entry[] = request.body.map(({ item, text }) => ({ item, text }))
      const graded = await gradeBatch(c, { ...request, entries }, deps)
      return jsonAnswer(
        graded.map((one, place) => rewardOf(request.body[place]?.id, one)),
        {},
      )
    }),
}

/** The reward of a sample, with the parts of its score as the rewards that it was made of. */
function rewardOf(id: string | number | undefined, { score, parts }: GradingAnswer) {
  const metrics = Object.entries(parts ?? {}).map(([part, value]) => ({ name: part, value, type: 'Reward' }))
  return { id, aggregate_reward_score: score, metrics_list: metrics }
}
