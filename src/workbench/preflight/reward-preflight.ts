import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { stringifyExactly } from '../../base/exact-json.ts'
import { type DatasetItem, textOf } from '../simulate/agent.ts'
import { type Sent, send } from '../simulate/send.ts'
import { firstItems } from './dataset-check.ts'
import type { PreflightSettings } from './settings.ts'
import { fail, pass, skip, type Verdict } from './verdict.ts'

/** The wires whose trainers ask for rewards alone, without tools and without rollout ids. */
export const rewardWires = ['openrlhf', 'slime', 'aws'] as const

/** How such a wire is checked. */
export interface RewardPreflightSettings
  extends Pick<
    PreflightSettings,
    'url' | 'headers' | 'runHeaders' | 'dataset' | 'timeoutSeconds' | 'range' | 'signal'
  > {
  readonly wire: (typeof rewardWires)[number]
  /** The path of the wire at the server; by default `/reward/NAME`. */
  readonly path?: string | undefined
}

/** A completion to be scored: the row of the dataset, and what the model answered. */
interface Completion {
  readonly item: unknown
  readonly prompt: string
  readonly text: string
}

interface Protocol {
  /** How many completions a request has at most. */
  readonly most: number
  readonly body: (batch: readonly Completion[]) => unknown
  readonly rewards: (answer: unknown) => readonly number[] | undefined
}

const aws = z.array(z.looseObject({ aggregate_reward_score: z.number() }))

const protocols: Readonly<Record<RewardPreflightSettings['wire'], Protocol>> = {
  openrlhf: {
    most: 3,
    body: (batch) => ({
      query: batch.map(({ prompt, text }) => prompt + text),
      prompts: batch.map(({ prompt }) => prompt),
      labels: batch.map(({ item }) => item),
    }),
    rewards: (answer) => z.looseObject({ rewards: z.array(z.number()) }).safeParse(answer).data?.rewards,
  },
  slime: {
    most: 1,
    body: ([one]) => ({ prompt: one?.prompt, response: one?.text, label: one?.item }),
    rewards: (answer) => (typeof answer === 'number' ? [answer] : undefined),
  },
  aws: {
    most: 3,
    body: (batch) =>
      batch.map(({ item, text }, id) => {
        const row = z.looseObject({}).safeParse(item).data ?? { item }
        const messages = z.array(z.unknown()).safeParse(row['messages']).data ?? []
        return { ...row, id: `preflight-${id}`, messages: [...messages, { role: 'assistant', content: text }] }
      }),
    rewards: (answer) => aws.safeParse(answer).data?.map((one) => one.aggregate_reward_score),
  },
}

/**
 * Checks a server over a wire of rewards as its trainer asks: each completion gets a reward in the range, the same batch gets
 * the same rewards, and a batch with a row that cannot be scored gets an error instead of fewer rewards.
 *
 * @returns the number of requests.
 * @throws what reading the dataset throws, and an Error if it has no item.
 */
export async function preflightRewards(
  settings: RewardPreflightSettings,
  tell: (verdict: Verdict) => void,
): Promise<number> {
  const { wire, url, dataset, timeoutSeconds, range, signal, path = `/reward/${wire}` } = settings
  const { most, body, rewards } = protocols[wire]
  const items = await firstItems(dataset, most)
  if (items.length === 0) throw new Error(`${dataset} has no row with messages`)
  const headers = { ...settings.runHeaders, ...settings.headers }
  let sent = 0
  const ask = (batch: readonly Completion[]) => {
    sent += 1
    const at = url.replace(/\/+$/, '') + path
    return send(at, stringifyExactly(body(batch)), { headers, timeoutSeconds }, signal)
  }
  const batch = items.map((item) => ({ item, prompt: questionOf(item), text: 'preflight' }))
  const first = await ask(batch)
  const found = rewardsIn(first, rewards)
  const [least, greatest] = range
  if (found === undefined || found.length !== batch.length) {
    tell(
      fail('rewards', `${batch.length} completions get ${described(first)}`, `check the address ${path} and the key`),
    )
    return sent
  }
  const outside = found.find((reward) => reward < least || reward > greatest)
  if (outside === undefined) tell(pass('rewards', `${batch.length} completions are scored ${found.join(', ')}`))
  else
    tell(fail('rewards', `a reward is ${outside}, outside of ${least} to ${greatest}`, 'state the range with --range'))
  const again = await ask(batch)
  tell(
    isDeepStrictEqual(rewardsIn(again, rewards), found)
      ? pass('the same again', 'a repeated batch gets the same rewards')
      : fail('the same again', `a repeated batch gets ${described(again)}`, 'grade each batch once'),
  )
  // In the place of a row: nothing that most environments can score.
  const row = { preflight: 'this row has neither a question nor an answer' }
  const broken = await ask([...batch.slice(1), { item: row, prompt: '', text: 'preflight' }])
  tell(noScoreVerdict(broken, rewardsIn(broken, rewards), batch.length))
  return sent
}

function noScoreVerdict(answer: Sent, found: readonly number[] | undefined, asked: number): Verdict {
  const what = 'a batch with a row that cannot be scored'
  if ('status' in answer && answer.status >= 400) return pass('no score', `${what} is refused (${answer.status})`)
  if (found?.length === asked) return skip('no score', 'a row without a question and an answer is scored here too')
  return fail(
    'no score',
    `${what} gets ${described(answer)}`,
    'answer with an error, so that the trainer learns nothing',
  )
}

const questionOf = (item: DatasetItem) => textOf(item.messages.findLast(({ role }) => role === 'user')?.content)

function rewardsIn(answer: Sent, read: Protocol['rewards']): readonly number[] | undefined {
  if ('failed' in answer || answer.status !== 200 || answer.text === undefined) return undefined
  try {
    return read(JSON.parse(answer.text))
  } catch {
    return undefined
  }
}

function described(answer: Sent): string {
  if ('failed' in answer) return `no answer (${answer.failed})`
  return `status ${answer.status}: ${(answer.text ?? 'more than 1 MB').slice(0, 120)}`
}
