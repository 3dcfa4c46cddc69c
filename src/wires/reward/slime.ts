import { Hono } from 'hono'
import { z } from 'zod'
import { headerValue, jsonAnswer, onlyBy } from '../http.ts'
import { readBody } from '../read-body.ts'
import type { Wire } from '../wire.ts'
import { messagesOf, readLabel, withoutEndTokens } from './entry.ts'
import { gradeOne } from './grade-batch.ts'
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
  create(deps) {
    const app = new Hono()
    app.onError((error, c) => deps.respond(c, error))
    app.on('POST', ['/', '/:grader'], async (c) => {
      const access = await deps.allow(c.req.raw, 'grade')
      const body = await readBody(c, rewardBody, deps)
      const entry = { ...readLabel(body.label, messagesOf(body.prompt)), text: withoutEndTokens(body.response) }
      const batch = { wire: name, access, grader: c.req.param('grader'), body }
      const graded = await gradeOne(c, batch, entry, deps)
      // The trainer's own `--reward-key` names the field of an object that is the reward.
      const rewardKey = c.req.query('reward_key')
      const reward = rewardKey === undefined ? graded.score : { metrics: graded.parts ?? {}, [rewardKey]: graded.score }
      return jsonAnswer(reward, { 'x-rollout-id': headerValue(graded.rolloutId) })
    })
    for (const path of ['/', '/:grader']) app.all(path, onlyBy('POST'))
    return app
  },
}
