import { z } from 'zod'
import { toolCall } from '../app.ts'

// In a process of its own, so that the server's event loop does not hold it up: sends eight large tool calls together, and
// asks /healthz again and again until all of them are answered. Prints how often it was answered meanwhile.
const url = z.string().parse(process.argv[2])
const bodies = Array.from({ length: 8 }, (_, n) => {
  const item = Object.fromEntries(Array.from({ length: 60_000 }, (_, key) => [`k${(key * 7_919 + n) % 60_000}`, n]))
  return JSON.stringify(toolCall('look', `large-${n}`, 'a', {}, item))
})
let open = bodies.length
const calls = bodies.map(async (body) => {
  const { status } = await fetch(`${url}/tools/look`, { method: 'POST', body })
  open -= 1
  return status
})
let answers = 0
while (open > 0) {
  await (await fetch(`${url}/healthz`)).text()
  if (open > 0) answers += 1
}
process.stdout.write(JSON.stringify({ answers, statuses: await Promise.all(calls) }))
