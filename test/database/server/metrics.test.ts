import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ToolError } from '../../../src/kit/errors.ts'
import { createAuthenticator } from '../../../src/server/auth/authenticate.ts'
import { parseApiKeys } from '../../../src/server/auth/keys.ts'
import { createServerMetrics } from '../../../src/server/metrics.ts'
import { defineGrader, defineTool, gradingOf, keepingLog, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'

const database = useDatabase()

const tool = defineTool({
  name: 'search',
  description: 'Searches.',
  input: z.object({ text: z.string().default('') }),
  effects: 'none',
  run({ input }) {
    if (input.text === 'refuse') throw new ToolError('another text')
    if (input.text === 'fail') throw new Error('broken')
    return 'four'
  },
})
const grader = defineGrader({
  name: 'exact',
  version: '1',
  grade: ({ sample }) => {
    if (sample.output_text === 'fail') throw new Error('broken')
    return { score: 0.5, parts: { answer: 1, 'odd "name"\n': 0.25 } }
  },
})

const keys =
  'lab:tools+grade+read=key-of-the-lab-0001, exp:read@exp-7=key-of-the-exp-0001, tools:tools=key-of-the-tools-01'

function make(budget = 2) {
  const debug: Readonly<Record<string, unknown>>[] = []
  const log = { ...keepingLog(), debug: (facts: Readonly<Record<string, unknown>>) => void debug.push(facts) }
  const metrics = createServerMetrics({ log, tools: ['search'], poolSize: 16 })
  const authenticate = createAuthenticator({ keys: parseApiKeys(keys), keyHeaders: [] })
  const app = testApp(database, { tools: [tool], graders: [grader], metrics, budget, log, authenticate })
  const measured = metrics.requests(app.fetch)
  const client = {
    request: (path: string, init?: RequestInit) =>
      Promise.resolve(measured(new Request(`http://localhost${path}`, init))),
  }
  const as = (key: string) => ({ authorization: `Bearer ${key}` })
  const read = async (key = 'key-of-the-lab-0001') => {
    const response = await client.request('/metrics', { headers: as(key) })
    return { status: response.status, text: await response.text() }
  }
  return { app: Object.assign(app, client), read, debug, lab: as('key-of-the-lab-0001') }
}

describe('the metrics', () => {
  it('count calls, replays, gradings, scores, parts, refusals and requests', async () => {
    const { app, read, lab } = make()
    const call = (rollout: string, id: string, args: unknown = {}) =>
      post(app, '/tools/search', toolCall('search', rollout, id, args), lab)
    await call('a', '1')
    await call('a', '1')
    await call('a', '2', { text: 'refuse' })
    await call('a', '3')
    await call('b', '1', { text: 'fail' })
    await post(app, '/tools/made_up', toolCall('made_up', 'c', '1'), lab)
    await post(app, '/grade', gradingOf('a', 'four'), lab)
    await post(app, '/grade', gradingOf('d', 'fail'), lab)
    await post(app, '/tools/search', toolCall('search', 'e', '1'), { authorization: 'Bearer wrong-wrong-wrong' })
    const { text, status } = await read()
    expect(status).toBe(200)
    const lines = new Set(text.split('\n'))
    for (const line of [
      'scorekeeper_tool_calls_total{tool="search",outcome="ok"} 2',
      'scorekeeper_tool_calls_total{tool="search",outcome="refused"} 2',
      'scorekeeper_tool_calls_total{tool="search",outcome="failed"} 1',
      'scorekeeper_tool_calls_total{tool="unknown",outcome="refused"} 1',
      'scorekeeper_tool_call_replays_total{tool="search"} 1',
      'scorekeeper_budget_refusals_total 1',
      'scorekeeper_gradings_total{grader="default",outcome="scored"} 1',
      'scorekeeper_gradings_total{grader="default",outcome="failed"} 1',
      'scorekeeper_score_bucket{grader="default",le="0.4"} 0',
      'scorekeeper_score_bucket{grader="default",le="0.5"} 1',
      'scorekeeper_score_part_sum_total{part="answer"} 1',
      'scorekeeper_score_part_sum_total{part="odd \\"name\\"\\n"} 0.25',
      'scorekeeper_auth_failures_total{code="invalid_token"} 1',
      'scorekeeper_http_request_duration_seconds_count{route="tools",status="4xx"} 1',
      'scorekeeper_http_requests_active 1',
      'scorekeeper_tool_calls_running 0',
    ]) {
      expect([...lines]).toContain(line)
    }
  })

  it('are valid for Prometheus’s own checker, where it is installed', async () => {
    const { app, read, lab } = make()
    await post(app, '/tools/search', toolCall('search', 'f', '1'), lab)
    const { text } = await read()
    for (const line of text.trim().split('\n')) {
      expect(line).toMatch(/^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{(?:\w+="(?:[^"\\]|\\.)*",?)*\})? [-+.\deInf]+)$/)
    }
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: text })
    if (checked.error === undefined) expect(String(checked.stderr)).toBe('')
  })

  it('are for keys with the scope read that are not bound to runs', async () => {
    const { read } = make()
    expect((await read('wrong-wrong-wrong')).status).toBe(401)
    expect((await read('key-of-the-tools-01')).status).toBe(403)
    expect((await read('key-of-the-exp-0001')).status).toBe(403)
  })

  it('have few series, whatever names callers make up', async () => {
    const { app, read, lab } = make(1_000)
    await Promise.all(
      Array.from({ length: 300 }, (_, n) => post(app, `/tools/made_up_${n}`, toolCall('x', 'g', `${n}`), lab)),
    )
    await Promise.all(
      Array.from({ length: 300 }, (_, n) => post(app, `/graders/made_up_${n}`, gradingOf('h', 'x'), lab)),
    )
    await Promise.all(Array.from({ length: 300 }, (_, n) => app.request(`/made_up_${n}`)))
    const { text } = await read()
    expect(text).not.toContain('made_up')
  })
})

describe('the log at the level debug', () => {
  it('has one line for each call and each grading, by which everything of a rollout is found', async () => {
    const { app, debug, lab } = make()
    await post(app, '/tools/search', toolCall('search', 'trace', '1'), lab)
    await post(app, '/tools/search', toolCall('search', 'trace', '2', { text: 'fail' }), lab)
    await post(app, '/grade', gradingOf('other', 'four'), lab)
    expect(debug).toMatchObject([
      { rollout: 'trace', call: '1', tool: 'search', outcome: 'ok', replayed: false },
      { rollout: 'trace', call: '2', tool: 'search', outcome: 'failed', code: 'tool_failed' },
      { rollout: 'other', grader: 'default', outcome: 'scored', score: 0.5 },
    ])
  })
})

describe('the files for Prometheus and Grafana', () => {
  const root = new URL('../../../deploy/', import.meta.url)

  it('name only metrics that the server has', async () => {
    const { app, read, lab } = make()
    await post(app, '/tools/search', toolCall('search', 'i', '1'), lab)
    await post(app, '/grade', gradingOf('i', 'four'), lab)
    const { text } = await read()
    const names = new Set([...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name))
    names.add('scorekeeper_alarms')
    for (const file of ['prometheus/alerts.yml', 'grafana/dashboard.json']) {
      const used = readFileSync(new URL(file, root), 'utf8').match(/\b(?:scorekeeper|process|nodejs)_\w+/g) ?? []
      const missing = used.map((name) => name.replace(/_(?:bucket|sum|count)$/, '')).filter((name) => !names.has(name))
      expect([file, missing]).toEqual([file, []])
    }
  })

  it('are rules that Prometheus’s own checker accepts, where it is installed', () => {
    const rules = fileURLToPath(new URL('prometheus/alerts.yml', root))
    const checked = spawnSync('promtool', ['check', 'rules', rules])
    if (checked.error === undefined) expect(String(checked.stdout)).toContain('SUCCESS: 9 rules found')
  })
})
