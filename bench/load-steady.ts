import type { z } from 'zod'
import { openConnection } from './connection.ts'
import { createLatencies } from './latencies.ts'
import type { SteadyWish, steadySeen } from './load-wish.ts'
import { createRequests, makeItems } from './requests.ts'

/** Sends requests over a number of connections, one at a time on each, until the time is over. */
export async function steady(wish: SteadyWish): Promise<z.infer<typeof steadySeen>> {
  const latencies = createLatencies()
  const items = makeItems(wish.itemBytes)
  let errors = 0
  const began = performance.now()
  const end = began + wish.seconds * 1000
  const run = async (port: number, n: number) => {
    const connection = openConnection(port)
    const requests = createRequests(wish, items, n, wish.connections)
    let sent = performance.now()
    for (let made = 0; sent < end && made < (wish.requests ?? Number.POSITIVE_INFINITY); made += 1) {
      const status = await connection.ask(...requests.next())
      const now = performance.now()
      latencies.add(now - sent)
      if (status !== 200) errors += 1
      sent = now
    }
    connection.close()
  }
  const ports = Array.from({ length: wish.connections }, (_, n) => wish.ports[n % wish.ports.length] ?? 0)
  await Promise.all(ports.map(run))
  return { seconds: (performance.now() - began) / 1000, errors, counts: latencies.counts }
}
