import { z } from 'zod'
import type { GradingAnswer } from '../../core/grading/grading.ts'
import { jsonAnswer } from '../http.ts'
import type { Wire } from '../wire.ts'
import { completionIn, messagesOf, readLabel, withoutEndTokens } from './entry.ts'
import { gradeBatch, rewardApp } from './grade-batch.ts'
import { rewardPaths } from './reward-paths.ts'

/** Three parallel lists: each prompt with its completion, the prompts, and the labels of their dataset rows. */
const rewardBody = z
  .object({ query: z.array(z.string()).min(1), prompts: z.array(z.string()), labels: z.array(z.unknown()) })
  .refine(({ query, prompts, labels }) => prompts.length === query.length && labels.length === query.length, {
    path: ['labels'],
    message: 'must be as many as "query", and so must "prompts"',
  })

const numbers = { type: 'array', items: { type: 'number' } }
const answer = {
  type: 'object',
  required: ['rewards', 'scores', 'extra_logs'],
  properties: {
    rewards: numbers,
    scores: numbers,
    extra_logs: { type: 'object', additionalProperties: numbers, description: 'The parts that all scores have.' },
  },
}

const name = 'openrlhf'

/**
 * The remote reward model of OpenRLHF (`--reward.remote_url`): batches of completions without rollout ids, answered whole
 * or not at all. Its client sends no key.
 */
export const openRlhf: Wire = {
  name,
  prefix: '/reward/openrlhf',
  sendsKey: false,
  describe: (_, graders) =>
    rewardPaths({ summary: 'Rewards of a batch, as OpenRLHF asks for them', body: rewardBody, answer, graders }),
  create: (deps) =>
    rewardApp(name, rewardBody, deps, async (c, request) => {
      const { query: texts, prompts, labels } = request.body
      const entries = texts.map((query, place) => {
        const prompt = prompts[place] ?? ''
        const text = withoutEndTokens(completionIn(query, prompt))
        return { ...readLabel(labels[place], messagesOf(prompt)), text }
      })
      const graded = await gradeBatch(c, { ...request, entries }, deps)
      const scores = graded.map(({ score }) => score)
      return jsonAnswer({ rewards: scores, scores, extra_logs: commonParts(graded) }, {})
    }),
}

/** The values of each part that every score of the batch has: the trainer makes a tensor of each list. */
function commonParts(graded: readonly GradingAnswer[]): Record<string, number[]> {
  const names = Object.keys(graded[0]?.parts ?? {})
  const lists = names.map((part) => [part, graded.flatMap(({ parts }) => parts?.[part] ?? [])] as const)
  return Object.fromEntries(lists.filter(([, values]) => values.length === graded.length))
}
