import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type HttpBindings, serve } from '@hono/node-server'
import { Hono } from 'hono'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'
import { UngradableError } from '../../../src/kit/errors.ts'
import { findInterpreter } from '../../../src/runtime/python/python-runner.ts'
import { createAuthenticator } from '../../../src/server/auth/authenticate.ts'
import { parseApiKeys } from '../../../src/server/auth/keys.ts'
import { testApp } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const clients = fileURLToPath(new URL('../../../clients', import.meta.url))
const { found } = await findInterpreter()
const key = 'key-of-the-trainer'

const { defineGrader } = defineEnvironment({
  task: z.object({ messages: z.array(z.looseObject({})).default([]) }),
  reference: z.object({ reference_answer: z.union([z.string(), z.number()]).transform(String) }),
  state: z.object({}),
})
const exact = defineGrader({
  name: 'exact',
  version: '1',
  grade({ sample, reference }) {
    if (sample.output_text === 'broken')
      throw new UngradableError(503, 'judge_unavailable', 'the judge does not answer')
    const score = sample.output_text === reference.reference_answer ? 1 : 0.25
    return { score, parts: { exact: score } }
  },
})

/** What happens to a request: it is served, served with a lost answer, dropped, or answered by something in between. */
type Fate = 'serve' | 'lose answer' | 'drop' | 502 | 'truncate'

const database = useDatabase()
const closing: { close(): void }[] = []

afterEach(() => {
  for (const server of closing.splice(0)) server.close()
})

/** Serves an app on a socket, whose first requests have these fates. Returns its address, and the paths of all requests. */
async function server(...fates: Fate[]) {
  const app = testApp(database, {
    graders: [exact],
    authenticate: createAuthenticator({ keys: parseApiKeys(`trainer:grade=${key}`), keyHeaders: [] }),
  })
  const paths: string[] = []
  const between = new Hono<{ Bindings: HttpBindings }>()
  between.all('*', async (c) => {
    paths.push(c.req.path)
    const fate = fates.shift() ?? 'serve'
    if (fate === 502) return c.html('<h1>Bad gateway</h1>', 502)
    if (fate === 'truncate') return c.body('{"score"', 200, { 'content-length': '20' })
    if (fate !== 'drop') {
      const response = await app.fetch(c.req.raw)
      if (fate === 'serve') return response
    }
    c.env.incoming.socket.destroy()
    return c.body(null)
  })
  const listening = serve({ fetch: between.fetch, port: 0, hostname: '127.0.0.1' })
  closing.push(listening)
  await once(listening, 'listening')
  const { port } = z.object({ port: z.number() }).parse(listening.address())
  return { url: `http://127.0.0.1:${port}`, paths }
}

const outcome = z.object({
  value: z.unknown().optional(),
  error: z.string().optional(),
  waits: z.array(z.number()),
})

/** Runs Python that sets `value`, with a client imported as `client`, and waiting replaced by a list of the waits. */
async function python(client: string, code: string, url: string, apiKey = key) {
  const program = `
import json, sys, time
sys.path.insert(0, ${JSON.stringify(clients)})
waits = []
time.sleep = waits.append
import ${client} as client
result = {"waits": waits}
try:
${code.trim().replace(/^/gm, '    ')}
    result["value"] = value
except Exception as error:
    result["error"] = type(error).__name__ + ": " + str(error)
print(json.dumps(result))`
  const env = {
    PATH: process.env['PATH'] ?? '',
    SCOREKEEPER_URL: url,
    SCOREKEEPER_KEY: apiKey,
    PYTHONDONTWRITEBYTECODE: '1',
  }
  const { stdout } = await promisify(execFile)('python3', ['-c', program], { env })
  return outcome.parse(JSON.parse(stdout))
}

const gradesOf = (run: string) => database.sql`
  select g.outcome, g.score, i.content as item from grades g
  join rollouts r on r.run = g.run and r.number = g.rollout join items i on i.run = r.run and i.hash = r.item_hash
  where g.run = ${run} order by g.id`

describe.runIf(found)("verl's reward function", () => {
  const call = (text: string, more = '') => `value = client.compute_score("math", ${JSON.stringify(text)}, "4"${more})`

  it('returns the score, and that there is one', async () => {
    const { url } = await server()
    expect(await python('verl_reward', call('4'), url)).toEqual({ value: { score: 1, no_score: 0 }, waits: [] })
    expect(await python('verl_reward', call('5'), url)).toMatchObject({ value: { score: 0.25, no_score: 0 } })
  })

  it('takes the item from extra_info, as an object or its JSON text, and the run from the address', async () => {
    const { url } = await server()
    const item = '{"reference_answer": 7, "level": 2}'
    for (const given of [item, JSON.stringify(item)]) {
      const { value } = await python(
        'verl_reward',
        call('7', `, {"item": ${given}, "num_turns": 3}`),
        `${url}/runs/verl/`,
      )
      expect(value).toMatchObject({ score: 1 })
    }
    expect(await gradesOf('verl')).toMatchObject([{ item: JSON.parse(item) }, { item: JSON.parse(item) }])
  })

  it('names the rollout that called tools', async () => {
    const { url } = await server()
    await python('verl_reward', call('4', ', {"trace_id": "rollout-7"}'), `${url}/runs/named`)
    expect(await database.sql`select id from rollouts where run = 'named'`).toEqual([{ id: 'rollout-7' }])
  })

  it('tries again after a lost connection, an error in between and half an answer, and is graded once', async () => {
    const { url, paths } = await server('drop', 502, 'truncate', 'lose answer')
    const { value, waits } = await python('verl_reward', call('4'), `${url}/runs/retried`)
    expect(value).toEqual({ score: 1, no_score: 0 })
    expect(paths).toHaveLength(5)
    expect(waits).toEqual([1, 2, 4, 8])
    expect(await gradesOf('retried')).toHaveLength(1)
  })

  it('stops the job where there is no score, and never returns a zero for it', async () => {
    const { url, paths } = await server()
    const { value, error } = await python('verl_reward', call('broken', ', tries=3'), url)
    expect(value).toBeUndefined()
    expect(error).toMatch(/^ConnectionError: Scorekeeper gave no score in 3 tries: 503 .*judge_unavailable/)
    expect(paths).toHaveLength(3)
  })

  it('marks what has no score where it is told to', async () => {
    const { url } = await server()
    const { value } = await python('verl_reward', call('broken', ', no_score="mark", tries=2'), url)
    expect(value).toEqual({ score: 0, no_score: 1 })
  })

  it('stops at once where the server refuses', async () => {
    const { url, paths } = await server()
    const { error } = await python('verl_reward', call('4', ', no_score="mark"'), url, 'another key')
    expect(error).toMatch(/^RuntimeError: Scorekeeper refused to grade: 401/)
    expect(paths).toHaveLength(1)
  })
})

describe.runIf(found)("TRL's reward function", () => {
  const call = (arguments_: string) => `value = client.scorekeeper_reward(${arguments_})`

  it('returns a score for each completion, and None for one without a score', async () => {
    const { url } = await server()
    const { value } = await python(
      'trl_reward',
      call(
        '["2+2?"] * 3, ["4", "broken", "5"], reference_answer=["4"] * 3, trainer_state=None, completion_ids=[[1], [2], [3]], tries=2',
      ),
      `${url}/runs/trl`,
    )
    expect(value).toEqual([1, null, 0.25])
    const item = { messages: [{ role: 'user', content: '2+2?' }], reference_answer: '4' }
    const recorded = await gradesOf('trl')
    expect(recorded.map(({ outcome }) => outcome).toSorted()).toEqual(['scored', 'scored', 'ungradable', 'ungradable'])
    for (const grade of recorded) expect(grade['item']).toEqual(item)
  })

  it('reads chat messages, the column "item" and the rollout of an environment', async () => {
    const { url } = await server()
    const { value } = await python(
      'trl_reward',
      `
class Environment:
    rollout_id = "rollout-8"
prompts = [[{"role": "user", "content": "2+2?"}]]
completions = [[{"role": "assistant", "content": "let me see"}, {"role": "assistant", "content": "4"}]]
value = client.scorekeeper_reward(prompts, completions, environments=[Environment()], item=[{"reference_answer": 4}], level=[2])`,
      `${url}/runs/chat`,
    )
    expect(value).toEqual([1])
    expect(await gradesOf('chat')).toMatchObject([{ item: { reference_answer: 4 } }])
    expect(await database.sql`select id from rollouts where run = 'chat'`).toEqual([{ id: 'rollout-8' }])
  })

  it('tries again, and is graded once; equal completions are graded apart', async () => {
    const { url } = await server('lose answer', 'drop')
    const { value } = await python(
      'trl_reward',
      call('["2+2?"] * 2, ["4", "4"], reference_answer=["4"] * 2'),
      `${url}/runs/trl-retried`,
    )
    expect(value).toEqual([1, 1])
    expect(await gradesOf('trl-retried')).toHaveLength(2)
  })

  it('stops the job where the server refuses, instead of leaving out every completion', async () => {
    const { url } = await server()
    const { error } = await python('trl_reward', call('["2+2?"], ["4"], reference_answer=["4"]'), url, 'another key')
    expect(error).toMatch(/^RuntimeError: Scorekeeper refused to grade: 401/)
  })
})

describe.runIf(found)('the reward Lambda for AWS', () => {
  const samples = (...answers: string[]) =>
    JSON.stringify(
      answers.map((content, place) => ({
        id: `sample_${place}`,
        messages: [
          { role: 'user', content: 'What is 2+2?' },
          { role: 'assistant', content },
        ],
        reference_answer: '4',
      })),
    )
  /** A call of the Lambda, whose time is over after this many seconds of waiting. */
  const call = (event: string, seconds = 900) => `
class Context:
    def get_remaining_time_in_millis(self):
        return (${seconds} - sum(waits)) * 1000
value = client.lambda_handler(json.loads(${JSON.stringify(event)}), Context())`

  it('returns the reward of each sample', async () => {
    const { url } = await server('drop', 502)
    const { value, waits } = await python('aws_reward_lambda', call(samples('4', '5')), `${url}/runs/lambda`)
    expect(value).toEqual([
      { id: 'sample_0', aggregate_reward_score: 1, metrics_list: [{ name: 'exact', value: 1, type: 'Reward' }] },
      { id: 'sample_1', aggregate_reward_score: 0.25, metrics_list: [{ name: 'exact', value: 0.25, type: 'Reward' }] },
    ])
    expect(waits).toEqual([1, 2])
  })

  it('fails the batch when its time is over and a sample has no score; the others are graded once', async () => {
    const { url } = await server()
    const { error, waits } = await python(
      'aws_reward_lambda',
      call(samples('4', 'broken'), 20),
      `${url}/runs/lambda-broken`,
    )
    expect(error).toMatch(/^RuntimeError: Scorekeeper gave no rewards: 503 .*1 of 2 entries have no score/)
    expect(waits).toEqual([1, 2, 4, 8])
    const outcomes = (await gradesOf('lambda-broken')).map(({ outcome }) => outcome)
    expect(outcomes.filter((one) => one === 'scored')).toHaveLength(1)
  })

  it('fails at once where the server refuses', async () => {
    const { url, paths } = await server()
    const { error } = await python('aws_reward_lambda', call(samples('4')), url, 'another key')
    expect(error).toMatch(/^RuntimeError: Scorekeeper gave no rewards: 401/)
    expect(paths).toEqual(['/reward/aws'])
  })
})
