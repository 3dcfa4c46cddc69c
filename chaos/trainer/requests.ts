import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../src/workbench/simulate/random.ts'
import type { Life, Replica } from '../replica.ts'
import type { Answer, SeenRequest } from '../seen.ts'
import type { Post, Posted, PostOptions } from './post.ts'

/** What the trainer needs to send requests. */
export interface Sender {
  readonly replicas: readonly Replica[]
  readonly post: Post
}

/** How often a request is retried on a 5xx or a lost connection. */
const retries = 3

/**
 * Sends a request until the status is below 500, each request to the next replica, with at most three retries; with
 * `early` also to another replica while the first request runs. Adds each result to `requests` and returns the answer
 * that counts, or undefined if the trainer gave up.
 */
export async function sendPersistently(
  sender: Sender,
  requests: SeenRequest[],
  random: Random,
  early: boolean,
  path: string,
  payload: unknown,
): Promise<Answer | undefined> {
  const posted = await postPersistently(sender, requests, random, early, path, () => ({ payload }))
  return posted?.answer
}

/** Like {@link sendPersistently}, over a protocol whose requests differ when they are sent again. */
export async function postPersistently(
  { replicas, post }: Sender,
  requests: SeenRequest[],
  random: Random,
  early: boolean,
  path: string,
  message: () => PostOptions & { readonly payload: unknown },
): Promise<Posted | undefined> {
  let at = random.whole(0, replicas.length - 1)
  // As behind a load balancer: replicas that are known to be down are skipped.
  const next = (): Life | undefined => {
    for (const _ of replicas) {
      const life = replicas[at++ % replicas.length]?.current()
      if (life) return life
    }
    return undefined
  }
  const send = async (isEarly: boolean): Promise<Posted> => {
    const began = Date.now()
    const life = next()
    const unreachable: Posted = { answer: { kind: 'lost', reason: 'ECONNREFUSED' }, sent: undefined, headers: {} }
    const { payload, ...options } = message()
    const posted = life === undefined ? unreachable : await post(life.url, path, payload, options)
    const { answer, sent } = posted
    requests.push({ pid: life?.pid, began, sent, ended: Date.now(), early: isEarly, answer })
    return posted
  }
  for (let turn = 0; ; turn += 1) {
    const first = send(false)
    const second = early && turn === 0 ? sleep(random.whole(0, 30)).then(() => send(true)) : undefined
    const answers = await Promise.all([first, second])
    const counts = answers.find((one) => one?.answer.kind === 'answered' && one.answer.status < 500)
    if (counts !== undefined) return counts
    if (turn === retries) return undefined
    await sleep(random.whole(100, 900) * 1.7 ** turn)
  }
}
