import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { open } from '../../../support/app.ts'
import { useDatabase } from '../../../support/database.ts'
import { scorekeeperArgs } from '../../../support/scorekeeper.ts'
import { useFolder } from '../../../support/temporary.ts'

const root = fileURLToPath(new URL('../../../..', import.meta.url))
const home = useDatabase()
const folder = useFolder()

beforeAll(async () => {
  const rows = Array.from({ length: 6 }, (_, n) => ({
    messages: [{ role: 'user', content: `how much is ${n}?` }],
    reference_answer: `${n}`,
  }))
  writeFileSync(join(folder, 'items.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  writeFileSync(
    join(folder, 'agents.mjs'),
    `export const agents = [
      { name: 'ten', async play(context) {
        for (let n = 0; n < 5; n += 1) await context.callTogether([['list', { path: '' }], ['cat', { path: 'none' }]]
          .map(([tool, args]) => ({ tool, arguments: args })))
        return context.random() < 0.5 ? context.question.match(/[0-9]/)[0] : 'none'
      } },
      { name: 'none', play: async () => '' },
    ]`,
  )
})

const environment = () => ({ PATH: process.env['PATH'] ?? '', DATABASE_URL: home.url, LOG_LEVEL: 'error' })
const command = (...args: readonly string[]) => [
  ...scorekeeperArgs('simulate', '--dataset', join(folder, 'items.jsonl')),
  ...['--agents', join(folder, 'agents.mjs'), ...args],
]

/** Runs the command; returns its output and its exit code. */
const run = (...args: readonly string[]) =>
  new Promise<{ code: number; out: string; err: string }>((resolve) => {
    execFile(process.execPath, command(...args), { cwd: root, env: environment() }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    )
  })

const resultShape = z.object({
  run: z.string(),
  all: z.looseObject({
    scored: z.number(),
    calls: z.number(),
    retries: z.number(),
    discarded_because: z.record(z.string(), z.number()),
    reward: z.looseObject({ mean: z.number() }),
  }),
  agents: z.record(z.string(), z.looseObject({ rollouts: z.number() })),
  kills: z.number(),
})

/** The rollouts in a trace file. */
const tracesIn = (file: string) =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

/** What the ledger has recorded in a run. */
async function recorded(name: string) {
  const database = open(home.url, 1)
  const [row] = await database.sql`
    select (select count(*) from rollouts where run = ${name})::int as rollouts,
      (select count(*) from tool_calls where run = ${name})::int as calls,
      (select count(*) from grades where run = ${name})::int as scored,
      (select avg(score) from grades where run = ${name})::float as mean`
  await database.close()
  return { rollouts: row?.['rollouts'], calls: row?.['calls'], scored: row?.['scored'], mean: row?.['mean'] }
}

describe('the command simulate', () => {
  it('with every fault and a server that is killed repeatedly, every rollout is scored, as the ledger shows', async () => {
    const out = join(folder, 'killed.jsonl')
    const kinds = [
      '--fault',
      'duplicate,overlap,slow,drop',
      '--fault-share',
      '0.3',
      ...['--kill-every', '2', '--kills', '2', '--pause', '6'],
    ]
    const {
      code,
      out: printed,
      err,
    } = await run('--serve', '--group', '4', '--concurrency', '12', ...kinds, '--out', out, '--json')
    expect.soft(err.replace(/^run .*$|^rollouts: .*$|^ {2}server: .*$/gm, '').trim()).toBe('')
    const result = resultShape.parse(JSON.parse(printed))
    const { scored, calls, retries, reward } = result.all
    expect([result.all.discarded_because, code, scored, calls, result.agents['ten']?.rollouts]).toEqual([
      {},
      0,
      48,
      240,
      24,
    ])
    expect(retries).toBeGreaterThan(0)
    expect(result.kills).toBeGreaterThan(0)
    expect(result.run).toMatch(/^simulate-\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}$/)
    expect(err).toContain(`run ${result.run}\n`)
    const traces = tracesIn(out)
    expect([traces.length, [...new Set(traces.map((trace) => trace.run))]]).toEqual([48, [result.run]])
    const ledger = await recorded(result.run)
    expect([ledger.rollouts, ledger.calls, ledger.scored]).toEqual([48, 240, 48])
    expect(ledger.mean).toBeCloseTo(reward.mean, 9)
  }, 300_000)

  it('prints a table that agrees with the database, for each agent and for all', async () => {
    const out = join(folder, 'table.jsonl')
    const { code, out: printed } = await run('--serve', '--group', '3', '--out', out, '--run', 'table')
    expect(code).toBe(0)
    const table = printed.split('\n').map((line) => line.trim().split(/\s{3,}/))
    const columns = table[0] ?? []
    const cell = (row: string, agent: string) => table.find(([name]) => name === row)?.[1 + columns.indexOf(agent)]
    const traces = tracesIn(out)
    const database = open(home.url, 1)
    for (const agent of ['ten', 'none', 'all']) {
      const ids = traces.filter((trace) => agent === 'all' || trace.agent === agent).map(({ rollout }) => rollout)
      const [row] = await database.sql`
        with mine as (
          select number from rollouts where run = 'table'
            and id in (select jsonb_array_elements_text(${JSON.stringify(ids)}::text::jsonb))
        )
        select (select count(*) from tool_calls where run = 'table' and rollout in (select number from mine))::int as calls,
          (select count(*) from tool_calls where run = 'table' and tool = 'cat' and rollout in (select number from mine))::int as cats,
          count(*)::int as scored, round(avg(score)::numeric, 3)::text as mean, round(stddev_pop(score)::numeric, 3)::text as deviation
        from grades where run = 'table' and rollout in (select number from mine)`
      const shown = ['scored', 'calls', 'reward, mean', 'reward, deviation'].map((name) => cell(name, agent))
      expect(shown, agent).toEqual([`${row?.['scored']}`, `${row?.['calls']}`, row?.['mean'], row?.['deviation']])
      expect(cell('calls per rollout', agent)).toBe((Number(row?.['calls']) / Number(row?.['scored'])).toFixed(1))
      if (agent === 'all') expect(printed).toContain(`cat ${row?.['cats']}`)
    }
    await database.close()
  }, 60_000)

  it('resumes after Ctrl-C, and prints the whole result', async () => {
    const out = join(folder, 'cut.jsonl')
    const size = ['--serve', '--group', '10', '--concurrency', '4', '--out', out]
    const child = spawn(process.execPath, command(...size), {
      cwd: root,
      env: environment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let output = ''
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    await expect.poll(() => readLines(out), { timeout: 30_000 }).toBeGreaterThan(3)
    child.kill('SIGINT')
    const [code] = await once(child, 'close')
    expect([code, output]).toEqual([130, expect.stringContaining(`the same command resumes with ${out}`)])
    const before = readLines(out)
    expect(before).toBeLessThan(120)
    const { code: ended, out: printed } = await run(...size, '--json')
    const { all, run: name } = resultShape.parse(JSON.parse(printed))
    expect([ended, all.scored, all.calls, readLines(out)]).toEqual([0, 120, 600, 120])
    const places = tracesIn(out)
    expect([output, [...new Set(places.map((place) => place.run))]]).toEqual([
      expect.stringContaining(`run ${name}\n`),
      [name],
    ])
    expect(new Set(places.map(({ agent, item, member }) => `${agent} ${item} ${member}`)).size).toBe(120)
  }, 300_000)

  it.each([
    [['--serve', 'http://localhost:1'], 2, 'give either the address of a server or --serve'],
    [[], 2, 'give either the address of a server or --serve'],
    [['localhost:8000'], 2, 'it must begin with http:// or https://'],
    [['http://localhost:1', '--kill-every', '1'], 2, '--kill-every needs --serve'],
    [['http://localhost:1', '--fault', 'rain'], 2, 'fault'],
    [['http://localhost:1', '--agent', 'missing'], 1, 'there is no agent "missing"'],
    [['http://localhost:1', '--agents', 'no/such.ts'], 1, 'there is no file no/such.ts: give --agents FILE, a module'],
    [['http://localhost:1', '--agents', 'biome.json'], 1, 'biome.json'],
    [['http://localhost:1', '--group', 'many'], 2, 'whole number'],
    [['http://localhost:1', '--run', 'a/b'], 2, 'must be the name of a run'],
    [['http://localhost:1/runs/a', '--run', 'b'], 1, 'two runs are named, "b" and "a"'],
  ])('reports what is wrong with %j', async (args, code, message) => {
    const output = await run(...args)
    expect([output.code, output.err, output.out]).toEqual([code, expect.stringContaining(message), ''])
  })
})

function readLines(file: string): number {
  try {
    return readFileSync(file, 'utf8').split('\n').length - 1
  } catch {
    return 0
  }
}
