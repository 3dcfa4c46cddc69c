import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createLog } from '../../../src/base/log.ts'
import { createSandboxMeter } from '../../../src/core/sandboxes/meter.ts'
import type { Sandboxes } from '../../../src/core/sandboxes/sandboxes.ts'
import { ToolError, UngradableError } from '../../../src/kit/errors.ts'
import { foldTurn } from '../../../src/ledger/rollups/fold.ts'
import { createAuthenticator } from '../../../src/server/auth/authenticate.ts'
import { parseApiKeys } from '../../../src/server/auth/keys.ts'
import { observed } from '../../../src/server/http/observed-requests.ts'
import { addDatabaseMetrics } from '../../../src/server/metrics/database-metrics.ts'
import { openMetrics } from '../../../src/server/metrics/open-metrics.ts'
import { addJudgeMetrics, addPoolMetrics } from '../../../src/server/metrics/process-metrics.ts'
import { addSandboxMetrics } from '../../../src/server/sandboxes.ts'
import { defineGrader, defineTool, gradingOf, keepingLog, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { useFolder } from '../../support/temporary.ts'

const folder = useFolder()
const database = useDatabase()
const [trainer, prometheus, bound, reader] = ['trainer', 'metrics', 'bound', 'reader'].map(
  (name) => `a-key-for-the-${name}-of-this-test`,
)
const auth = {
  keys: parseApiKeys(`tools+grade=${trainer},metrics=${prometheus},bound:metrics@exp-1=${bound},read=${reader}`),
  keyHeaders: [],
}

const find = defineTool({
  name: 'find',
  description: 'Finds.',
  input: z.object({ word: z.string() }),
  effects: 'none',
  run: ({ input: { word } }) => {
    if (word === 'nothing') throw new ToolError('there is nothing')
    if (word === 'broken') throw new Error('broken')
    return `found ${word} é`
  },
})
const graders = [
  defineGrader({ name: 'fair', version: '1', grade: () => ({ score: 0.25, parts: { answer: 0.5, wording: 0 } }) }),
  defineGrader({
    name: 'judge',
    version: '1',
    grade: () => {
      throw new UngradableError(503, 'judge_unavailable', 'the judge does not answer')
    },
  }),
]

/** The lines that are missing, so that a failure shows them alone. */
const missing = (found: readonly string[], wanted: readonly string[]) => wanted.filter((line) => !found.includes(line))

/** A replica with metrics of its own. */
function replica(logLevel: 'info' | 'debug' = 'info', metricsPort?: number) {
  const log = keepingLog()
  const opened = openMetrics({
    config: { auth, accessLog: undefined, logLevel, metricsPort, poolSize: 16 },
    log,
    tools: [find],
    graders,
  })
  const served = testApp(database, {
    tools: [find],
    graders,
    log,
    budget: 3,
    authenticate: createAuthenticator(auth),
    ...opened.forApp,
  })
  const { observer } = opened.forSockets
  if (observer === undefined) throw new Error('requests are not measured')
  const fetch = observed(served.fetch, observer)
  const app = {
    request: (input: string | URL | Request, init?: RequestInit) =>
      Promise.resolve(fetch(new Request(input instanceof Request ? input : new URL(input, 'http://localhost'), init))),
  }
  const headers = { authorization: `Bearer ${trainer}` }
  return {
    app,
    log,
    metrics: opened.metrics,
    call: (rollout: string, id: string, args: unknown) =>
      post(app, '/tools/find', toolCall('find', rollout, id, args), headers),
    grade: (rollout: string, grader: string, answer: string) =>
      post(app, `/graders/${grader}`, gradingOf(rollout, answer), headers),
    async lines(): Promise<readonly string[]> {
      const response = await app.request('/metrics', { headers: { authorization: `Bearer ${prometheus}` } })
      expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
      return (await response.text()).split('\n')
    },
  }
}

describe('/metrics', () => {
  it('counts calls by tool and outcome, with their bytes, and replays apart', async () => {
    const { call, lines } = replica()
    await call('m-1', 'a', { word: 'x' })
    await call('m-1', 'a', { word: 'x' })
    await call('m-1', 'b', { word: 'nothing' })
    await call('m-1', 'c', { word: 'broken' })
    const found = await lines()
    expect(
      missing(found, [
        'scorekeeper_tool_calls_total{tool="find",outcome="ok"} 1',
        'scorekeeper_tool_calls_total{tool="find",outcome="refused"} 1',
        'scorekeeper_tool_calls_total{tool="find",outcome="failed"} 1',
        'scorekeeper_tool_call_replays_total{tool="find"} 1',
        'scorekeeper_tool_output_bytes_total{tool="find",outcome="ok"} 10',
        'scorekeeper_tool_call_duration_seconds_count{tool="find",outcome="ok"} 1',
      ]),
    ).toEqual([])
    const batches = found.find((line) => line.startsWith('scorekeeper_ledger_batch_calls_count'))
    expect(Number(batches?.split(' ')[1])).toBeGreaterThan(0)
  })

  it('counts calls over the budget', async () => {
    const { call, lines } = replica()
    for (const id of ['a', 'b', 'c', 'd', 'e']) await call('m-2', id, { word: id })
    expect(
      missing(await lines(), [
        'scorekeeper_budget_refusals_total 2',
        'scorekeeper_tool_calls_total{tool="find",outcome="refused"} 2',
      ]),
    ).toEqual([])
  })

  it('counts gradings by grader and outcome, with scores, parts and the calls of the rollout', async () => {
    const { call, grade, lines } = replica()
    await call('m-3', 'a', { word: 'x' })
    await call('m-3', 'b', { word: 'y' })
    await grade('m-3', 'fair', 'an answer')
    await grade('m-3', 'fair', 'an answer')
    await grade('m-3', 'judge', 'an answer')
    expect(
      missing(await lines(), [
        'scorekeeper_gradings_total{grader="fair",outcome="scored"} 1',
        'scorekeeper_gradings_total{grader="judge",outcome="ungradable"} 1',
        'scorekeeper_grading_replays_total{grader="fair"} 1',
        'scorekeeper_score_bucket{grader="fair",le="0.2"} 0',
        'scorekeeper_score_bucket{grader="fair",le="0.3"} 1',
        'scorekeeper_score_part_sum{part="answer"} 0.5',
        'scorekeeper_score_part_count{part="wording"} 1',
        'scorekeeper_rollout_calls_sum 2',
      ]),
    ).toEqual([])
  })

  it('counts refused keys and items that do not fit, which are at 0 from the start', async () => {
    const { app, lines } = replica()
    expect(await lines()).toContain('scorekeeper_item_rejections_total{code="rollout_has_another_item"} 0')
    await post(app, '/tools/find', toolCall('find', 'm-4', 'a'), { authorization: 'Bearer not-one-of-the-keys-here' })
    const asked = (id: string, question: string) =>
      post(app, '/tools/find', toolCall('find', 'm-4', id, { word: 'x' }, { question }), {
        authorization: `Bearer ${trainer}`,
      })
    expect((await asked('a', 'one')).status).toBe(200)
    expect((await asked('b', 'another')).body.error?.code).toBe('rollout_has_another_item')
    expect(
      missing(await lines(), [
        'scorekeeper_auth_failures_total{code="invalid_token"} 1',
        'scorekeeper_item_rejections_total{code="rollout_has_another_item"} 1',
      ]),
    ).toEqual([])
  })

  it('names a tool that does not exist "other" once twenty are known, and never has an id as a label', async () => {
    const { app, lines } = replica()
    for (let at = 0; at < 25; at += 1) {
      await post(app, `/tools/none_${at}`, toolCall(`none_${at}`, `m-5-${at}`, 'a'), {
        authorization: `Bearer ${trainer}`,
      })
    }
    const text = (await lines()).join('\n')
    const tools = new Set([...text.matchAll(/scorekeeper_tool_calls_total\{tool="([^"]*)"/g)].map(([, tool]) => tool))
    expect(tools.size).toBeLessThanOrEqual(21)
    expect(tools).toContain('other')
    expect(text).not.toContain('m-5-1')
  })

  it('has the connections in use, and what waits for one, of tools and of the ledger', async () => {
    const { metrics, lines } = replica()
    addPoolMetrics(metrics, () => ({
      ledger: { size: 4, busy: 1, waiting: 0 },
      tools: { size: 16, busy: 16, waiting: 5 },
    }))
    expect(
      missing(await lines(), [
        'scorekeeper_database_pool_busy{client="tools"} 16',
        'scorekeeper_database_pool_waiting{client="tools"} 5',
        'scorekeeper_database_pool_waiting{client="ledger"} 0',
      ]),
    ).toEqual([])
  })

  it('has the sandboxes of the whole database once, from the replica that folds', async () => {
    const [folding, other] = [replica(), replica()]
    await database.sql`
      insert into sandboxes (run, rollout, name, status, provider, requested_at) values
      ('default', 1, 'shell', 'open', 'local', now()), ('default', 2, 'shell', 'open', 'local', now()),
      ('default', 3, 'shell', 'requested', 'local', now() - interval '90 seconds')`
    const read = addDatabaseMetrics(folding.metrics, database.sql)
    addDatabaseMetrics(other.metrics, database.sql)
    await read()
    const found = await folding.lines()
    const counts = { open: 2, requested: 1, opening: 0, closing: 0, failed: 0 }
    const expected = Object.entries(counts).map(
      ([status, count]) => `scorekeeper_sandboxes{status="${status}"} ${count}`,
    )
    expect(missing(found, expected)).toEqual([])
    expect(found.find((line) => line.startsWith('scorekeeper_sandbox_queue_seconds '))).toMatch(/ 9\d(\.\d+)?$/)
    expect((await other.lines()).filter((line) => /^scorekeeper_sandbox(es|_queue)/.test(line))).toEqual([])
    await database.sql`truncate sandboxes`
  })

  it('needs a key with the scope metrics or read that is bound to no run', async () => {
    const { app } = replica()
    const statusFor = async (key: string | undefined) =>
      (await app.request('/metrics', { headers: key === undefined ? {} : { authorization: `Bearer ${key}` } })).status
    expect(await Promise.all([undefined, trainer, reader, bound, prometheus].map(statusFor))).toEqual([
      401, 403, 200, 403, 200,
    ])
  })

  it('is not on the port of the trainer when it has a port of its own', async () => {
    const { app } = replica('info', 0)
    expect((await app.request('/metrics', { headers: { authorization: `Bearer ${prometheus}` } })).status).toBe(404)
    const { log } = replica()
    const own = openMetrics({
      config: { auth, accessLog: undefined, logLevel: 'info', metricsPort: 0, poolSize: 16 },
      log,
      tools: [],
      graders: [],
    })
    const served = own.forSockets.metrics?.app
    expect((await served?.request('/metrics', { headers: { authorization: `Bearer ${prometheus}` } }))?.status).toBe(
      200,
    )
    expect((await served?.request('/metrics'))?.status).toBe(401)
  })
})

describe('the text', () => {
  it('is valid for Prometheus’s own checker, where it is installed', async () => {
    const { call, grade, lines } = replica()
    await call('t-1', 'a', { word: 'x' })
    await grade('t-1', 'fair', 'x')
    const text = (await lines()).join('\n')
    for (const line of text.trim().split('\n')) {
      expect(line).toMatch(/^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{(?:\w+="(?:[^"\\]|\\.)*",?)*\})? [-+.\de]+(?:Inf)?)$/)
    }
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: text })
    if (checked.error === undefined) expect(String(checked.stderr)).toBe('')
  })
})

/** The sandboxes of a server in which one has failed. */
function unusedSandboxes(): Sandboxes {
  const meter = createSandboxMeter()
  meter.fail('sandbox_lost')
  const unused = () => {
    throw new Error('no sandbox is used here')
  }
  return {
    use: unused,
    mustBeIntact: async () => unused(),
    end: async () => unused(),
    reap: async () => unused(),
    counts: async () => ({ requested: 0, opening: 0, open: 0, closing: 0, failed: 1, waitSeconds: 0 }),
    meter,
  }
}

const panel = z.looseObject({ id: z.number(), targets: z.array(z.looseObject({ expr: z.string() })).optional() })

describe('the files for Prometheus and Grafana', () => {
  const root = new URL('../../../deploy/', import.meta.url)

  it('name only metrics that the server has', async () => {
    const { call, grade, lines, metrics } = replica()
    await foldTurn(database.sql)
    await addDatabaseMetrics(metrics, database.sql)()
    addPoolMetrics(metrics, database.usage)
    addJudgeMetrics(metrics, {
      usage: () => new Map([['judge', { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2, cached_tokens: 0 }]]),
      requests: () => new Map([['judge', { answered: 1, failed: 0 }]]),
    })
    addSandboxMetrics(metrics, unusedSandboxes())
    await call('f-1', 'a', { word: 'x' })
    await grade('f-1', 'fair', 'x')
    const text = (await lines()).join('\n')
    const names = new Set([...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name))
    for (const file of ['prometheus/alerts.yml', 'grafana/dashboard.json']) {
      const used = readFileSync(new URL(file, root), 'utf8').match(/\b(?:scorekeeper|process|nodejs)_\w+/g) ?? []
      const missing = used.map((name) => name.replace(/_(?:bucket|sum|count)$/, '')).filter((name) => !names.has(name))
      expect([file, missing]).toEqual([file, []])
    }
  })

  it('have queries that Prometheus’s own checker accepts, where it is installed', () => {
    const file = readFileSync(new URL('grafana/dashboard.json', root), 'utf8')
    const { panels } = z.object({ panels: z.array(panel) }).parse(JSON.parse(file))
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const queries = panels.flatMap(({ targets = [] }) =>
      targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m')),
    )
    expect(queries.length).toBeGreaterThan(30)
    const rules = queries.map((expr, n) => ({ record: `panel:${n}`, expr }))
    const path = join(folder, 'queries.yml')
    // JSON is YAML too.
    writeFileSync(path, JSON.stringify({ groups: [{ name: 'panels', rules }] }))
    const checked = spawnSync('promtool', ['check', 'rules', path])
    if (checked.error === undefined) {
      expect(String(checked.stderr)).toBe('')
      expect(String(checked.stdout)).toContain(`SUCCESS: ${queries.length} rules found`)
    }
  })

  it('are rules that Prometheus’s own checker accepts, where it is installed', () => {
    const rules = fileURLToPath(new URL('prometheus/alerts.yml', root))
    const checked = spawnSync('promtool', ['check', 'rules', rules])
    if (checked.error === undefined) expect(String(checked.stdout)).toContain('SUCCESS: 9 rules found')
  })
})

describe('the log at the level debug', () => {
  it('has one line for each call and each grading, found by the id of the rollout, without contents', async () => {
    const { call, grade, log } = replica('debug')
    await call('d-1', 'a', { word: 'secret-word' })
    await call('d-1', 'a', { word: 'secret-word' })
    await call('d-1', 'b', { word: 'nothing' })
    await grade('d-1', 'fair', 'secret-answer')
    await grade('d-1', 'judge', 'secret-answer')
    const lines = log.lines.filter(({ level, facts }) => level === 'debug' && facts['rollout'] === 'd-1')
    expect(lines.map(({ facts }) => [facts['call'] ?? facts['grader'], facts['outcome'], facts['replayed']])).toEqual([
      ['a', 'ok', false],
      ['a', 'ok', true],
      ['b', 'refused', false],
      ['fair', 'scored', false],
      ['judge', 'ungradable', false],
    ])
    expect(lines.at(-2)?.facts).toMatchObject({ run: 'default', score: 0.25 })
    expect(JSON.stringify(lines)).not.toMatch(/secret/)
  })

  it('has none of them at the level info', async () => {
    const { call, log } = replica('info')
    await call('d-2', 'a', { word: 'x' })
    expect(log.lines.filter(({ level }) => level === 'debug')).toEqual([])
    expect(() => createLog('info').debug?.({}, 'nothing')).not.toThrow()
  })

  it('has the rollout in the line of a failure, at every level', async () => {
    const { call, grade, log } = replica('info')
    await call('d-3', 'a', { word: 'broken' })
    await grade('d-3', 'fair', 'x')
    const errors = log.lines.filter(({ level }) => level === 'error')
    expect(errors.map(({ facts }) => [facts['code'], facts['rollout']])).toEqual([
      ['tool_failed', 'd-3'],
      ['rollout_has_failed_call', 'd-3'],
    ])
  })
})
