import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { createAccessLog, observed } from '../../../src/server/http/observed-requests.ts'
import { createServerMetrics } from '../../../src/server/metrics/server-metrics.ts'
import { gate, keepingLog } from '../../support/app.ts'

const app = new Hono()
app.post('/tools/cat', (c) => {
  c.header('x-rollout-id', 'r%20%C3%A9')
  return c.json({})
})
app.get('/broken', (c) => c.json({}, 503))

const at = (path: string, method = 'POST') => new Request(`http://localhost${path}`, { method })

describe('the access log', () => {
  it('has a line for a share of the requests: one in four', async () => {
    const log = keepingLog()
    const { began, answered } = createServerMetrics({ tools: [], graders: [], poolSize: 1 })
    const fetch = observed(app.fetch, { began, answered, access: createAccessLog(log, 0.25) })
    for (let n = 0; n < 8; n += 1) await fetch(at('/tools/cat'))
    expect(log.lines).toHaveLength(2)
  })

  it('says method, path, status and rollout, and no query, which may hold a key', async () => {
    const log = keepingLog()
    const { began, answered } = createServerMetrics({ tools: [], graders: [], poolSize: 1 })
    const fetch = observed(app.fetch, { began, answered, access: createAccessLog(log, 1) })
    await fetch(at('/tools/cat?api_key=secret'))
    await fetch(at('/broken', 'GET'))
    const facts = log.lines.map((line) => line.facts)
    expect(facts[0]).toMatchObject({
      code: 'access',
      method: 'POST',
      path: '/tools/cat',
      status: 200,
      rollout: 'r é',
      ms: expect.any(Number),
    })
    expect(facts[1]).toMatchObject({ method: 'GET', path: '/broken', status: 503 })
    expect(facts[1]).not.toHaveProperty('rollout')
    expect(JSON.stringify(log.lines)).not.toContain('secret')
  })
})

describe('the metrics of requests', () => {
  it('are by route and class of status, and count what is not answered yet', async () => {
    const held = gate()
    const slow = new Hono()
    slow.post('/slow', async (c) => {
      await held.pass()
      return c.json({})
    })
    const { metrics, began, answered } = createServerMetrics({ tools: [], graders: [], poolSize: 1 })
    const fetch = observed(slow.fetch, { began, answered })
    const running = fetch(at('/slow'))
    await held.reached
    expect(await metrics.text()).toContain('scorekeeper_http_requests_active 1\n')
    held.open()
    await running
    for (const path of ['/tools/a', '/runs/exp-7/tools/a?x', '/runs/exp-7/nemo-gym/verify', '/runs'])
      await fetch(at(path))
    const text = await metrics.text()
    expect(text).toContain('scorekeeper_http_requests_active 0\n')
    expect(text).toContain('scorekeeper_http_request_duration_seconds_count{route="other",status="2xx"} 1\n')
    expect(text).toContain('scorekeeper_http_request_duration_seconds_count{route="tools",status="4xx"} 2\n')
    expect(text).toContain('scorekeeper_http_request_duration_seconds_count{route="wire",status="4xx"} 1\n')
    expect(text).toContain('scorekeeper_http_request_duration_seconds_count{route="other",status="4xx"} 1\n')
  })
})
