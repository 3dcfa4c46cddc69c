import type { z } from 'zod'
import { openConnection } from './connection.ts'
import { createLatencies, type Latencies } from './latencies.ts'
import type { BurstWish, burstSeen } from './load-wish.ts'
import { callBody, gradingBody, itemOf, newRolloutId, requestText } from './requests.ts'

/** Begins a number of rollouts at the same time: parallel calls, then a grading, each on a new connection. */
export async function burst(wish: BurstWish): Promise<z.infer<typeof burstSeen>> {
  const { port, key } = wish
  const calls = createLatencies()
  const gradings = createLatencies()
  let errors = 0
  let first = Number.POSITIVE_INFINITY
  const began = performance.now()
  const ask = async (path: string, body: string, latencies: Latencies) => {
    const sent = performance.now()
    const connection = openConnection(port)
    const status = await connection.ask(requestText(path, key, body, 'connection: close\r\n'))
    connection.close()
    const now = performance.now()
    latencies.add(now - sent)
    first = Math.min(first, now - began)
    if (status !== 200) errors += 1
  }
  const rollout = async (n: number) => {
    const id = newRolloutId()
    const bodies = Array.from({ length: wish.parallel }, (_, call) => callBody(id, call, itemOf(n)))
    await Promise.all(bodies.map((body) => ask(wish.callPath, body, calls)))
    const body = wish.gradePath === '/grade' ? gradingBody(id, itemOf(n)) : callBody(id, wish.parallel, itemOf(n))
    await ask(wish.gradePath, body, gradings)
  }
  await Promise.all(Array.from({ length: wish.rollouts }, (_, n) => rollout(n)))
  return { first, last: performance.now() - began, errors, calls: calls.counts, gradings: gradings.counts }
}
