import { createInterface } from 'node:readline'
import { z } from 'zod'
import { openConnection } from './connection.ts'
import { createLatencies } from './latencies.ts'
import { type LoadWish, loadWish } from './load-wish.ts'
import { createRequests } from './requests.ts'

// The load, in a process of its own: reads wishes, a line of JSON each, and answers each with a line of what it saw.
for await (const line of createInterface({ input: process.stdin })) {
  const seen = await load(loadWish.parse(JSON.parse(line)))
  process.stdout.write(`${JSON.stringify(seen)}\n`)
}

async function load(wish: LoadWish) {
  const latencies = createLatencies()
  let errors = 0
  const began = performance.now()
  const end = began + wish.seconds * 1000
  await Promise.all(
    Array.from({ length: wish.connections }, async (_, n) => {
      // Two replicas share the connections evenly.
      const connection = openConnection(z.number().parse(wish.ports[n % wish.ports.length]))
      const requests = createRequests(wish, n, wish.connections)
      let sent = performance.now()
      for (let made = 0; sent < end && made < (wish.requests ?? Number.POSITIVE_INFINITY); made += 1) {
        const status = await connection.ask(requests.next())
        const now = performance.now()
        latencies.add(now - sent)
        if (status !== 200) errors += 1
        sent = now
      }
      connection.close()
    }),
  )
  return { seconds: (performance.now() - began) / 1000, errors, counts: latencies.counts }
}
