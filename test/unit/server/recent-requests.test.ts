import { expect, it } from 'vitest'
import { createRecentRequests } from '../../../src/server/metrics/recent-requests.ts'
import { createServerMetrics, requestEdges } from '../../../src/server/metrics/server-metrics.ts'

const minute = 60_000

/** Requests of a server whose clock is moved by hand. */
function server() {
  let time = 1_000_000
  const { answered, requestTotals } = createServerMetrics({ tools: [], graders: [], poolSize: 1 })
  const recent = createRecentRequests({ totals: requestTotals, edges: requestEdges, now: () => time })
  return {
    recent,
    answer: (path: string, status: number, seconds: number) => answered(`http://localhost${path}`, status, seconds),
    pass(minutes: number) {
      for (let half = 0; half < 2 * minutes; half += 1) {
        time += minute / 2
        recent.keep()
      }
    },
  }
}

it('the requests of a server are counted from its start, without pages and probes', () => {
  const { recent, answer, pass } = server()
  expect(recent.read()).toEqual({ seconds: 0, requests: 0, statuses: {}, p50: undefined, p95: undefined })
  for (let n = 0; n < 18; n += 1) answer('/tools/find', 200, 0.02)
  answer('/grade', 500, 0.9)
  answer('/tools/find', 404, 0.9)
  for (const path of ['/dashboard', '/healthz', '/metrics']) answer(path, 200, 9)
  pass(1)
  const { p50 = 0, p95 = 0, ...counts } = recent.read()
  expect(counts).toEqual({ seconds: 60, requests: 20, statuses: { '2xx': 18, '4xx': 1, '5xx': 1 } })
  expect([p50 > 0.01 && p50 <= 0.025, p95 > 0.5 && p95 <= 1]).toEqual([true, true])
  recent.end()
})

it('requests of more than five minutes ago are not counted any more', () => {
  const { recent, answer, pass } = server()
  for (let n = 0; n < 10; n += 1) answer('/tools/find', 500, 2)
  pass(4)
  expect(recent.read().requests).toBe(10)
  answer('/tools/find', 200, 0.002)
  pass(3)
  expect(recent.read()).toMatchObject({ seconds: 300, requests: 1, statuses: { '2xx': 1 } })
  pass(30)
  expect(recent.read()).toMatchObject({ seconds: 300, requests: 0, statuses: {} })
  recent.end()
})
