import { createInterface } from 'node:readline'
import { burst } from './load-burst.ts'
import { steady } from './load-steady.ts'
import { loadWish } from './load-wish.ts'

// The load, in a process of its own: reads requests, one line of JSON each, and answers each with one line of JSON.
for await (const line of createInterface({ input: process.stdin })) {
  const wish = loadWish.parse(JSON.parse(line))
  const seen = wish.do === 'burst' ? await burst(wish) : await steady(wish)
  process.stdout.write(`${JSON.stringify(seen)}\n`)
}
