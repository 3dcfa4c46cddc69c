import { Agent, request } from 'node:http'
import { z } from 'zod'

// Calls one address for some seconds from so many connections, in a process of its own, and prints what it saw.
const { url, path, connections, seconds, key } = z
  .object({ url: z.string(), path: z.string(), connections: z.number(), seconds: z.number(), key: z.string() })
  .parse(JSON.parse(process.argv[2] ?? '{}'))

const agent = new Agent({ keepAlive: true, maxSockets: connections })
const item = {
  messages: [{ role: 'user', content: 'what is the net change in net revenue during 2015 for the corporation?' }],
  reference_answer: '94.0',
}
const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` }
const run = `bench_${process.pid}_${Date.now()}`
const latencies: number[] = []
let made = 0
let errors = 0

/** Ten calls a rollout, then the next rollout. */
function nextBody(): string {
  const n = made
  made += 1
  const ids = { id: `fc_${n}`, call_id: `call_${n}`, trace_id: `${run}_${path}_${Math.floor(n / 10)}` }
  const call = { type: 'function_call', ...ids, name: 'x', arguments: '{"query":"net revenue 2015"}', item }
  return JSON.stringify(path === '/grade' ? { ...call, trace_id: `${run}_${n}`, sample: { output_text: '94' } } : call)
}

function once(): Promise<void> {
  return new Promise((resolve) => {
    const body = nextBody()
    const began = performance.now()
    const over = (ok: boolean) => {
      latencies.push(performance.now() - began)
      if (!ok) errors += 1
      resolve()
    }
    const length = { 'content-length': Buffer.byteLength(body) }
    const sent = request(url + path, { method: 'POST', agent, headers: { ...headers, ...length } }, (response) => {
      response.resume().once('end', () => over(response.statusCode === 200))
    })
    sent.once('error', () => over(false)).end(body)
  })
}

const end = performance.now() + seconds * 1000
await Promise.all(
  Array.from({ length: connections }, async () => {
    while (performance.now() < end) await once()
  }),
)
latencies.sort((a, b) => a - b)
const quantile = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0
const rate = latencies.length / seconds
process.stdout.write(`${JSON.stringify({ rate, p50: quantile(0.5), p99: quantile(0.99), errors })}\n`)
process.exit(0)
