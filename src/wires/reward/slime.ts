import { z } from 'zod'
import { headerValue, jsonAnswer } from '../http.ts'
import type { Wire } from '../wire.ts'
import { messagesOf, readLabel, withoutEndTokens } from './entry.ts'
import { gradeOne, rewardApp } from './grade-batch.ts'
import { rewardPaths } from './reward-paths.ts'

const rewardBody = z.object({ prompt: z.unknown(), response: z.string(), label: z.unknown() })

const answer = {
  oneOf: [
    { type: 'number' },
    { type: 'object', description: 'With `?reward_key=NAME`: the score under that name, and `metrics`.' },
  ],
}

const name = 'slime'

/**
 * The remote reward model of slime and of its fork miles (`--rm-type remote_rm --rm-url …`): one completion in a request,
 * with the label of its dataset row. Its client sends no key.
 */
export const slime: Wire = {
  name,
  prefix: '/reward/slime',
  sendsKey: false,
  describe: (_, graders) =>
    rewardPaths({ summary: 'The reward of a completion, as slime asks for it', body: rewardBody, answer, graders }),
  create: (deps) =>
    rewardApp(name, rewardBody, deps, async (c, request) => {
      const { prompt, response, label } = request.body
      const entry = { ...readLabel(label, messagesOf(prompt)), text: withoutEndTokens(response) }
      const graded = await gradeOne(c, request, entry, deps)
      // The trainer's own `--reward-key` names the field of an object that is the reward.
      const rewardKey = c.req.query('reward_key')
      const reward = rewardKey === undefined ? graded.score : { metrics: graded.parts ?? {}, [rewardKey]: graded.score }
      return jsonAnswer(reward, { 'x-rollout-id': headerValue(graded.rolloutId) })
    }),
}
