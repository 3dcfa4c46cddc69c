import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { useDatabase } from '../../../support/database.ts'
import { rowsFrom, rules, writeRows } from '../../../support/dataset/rows.ts'
import { compiled, scorekeeper, scorekeeperFolder } from '../../../support/scorekeeper.ts'
import { addressOf, kill, type ServerProcess, spawnServer } from '../../../support/server-process.ts'
import { useFolder } from '../../../support/temporary.ts'

const key = 'a-key-of-sixteen-characters'
const home = useDatabase()
const folder = useFolder()
let server: ServerProcess
let url: string

beforeAll(async () => {
  const env = { DATABASE_URL: home.url, DATA_DIR: folder }
  writeRows(folder, 'train.jsonl', rowsFrom(0, 100, { tools: rules.tools }))
  writeRows(folder, 'validation.jsonl', rowsFrom(100, 20, { tools: rules.tools }))
  server = spawnServer(scorekeeperFolder, { ...env, PORT: '0', API_KEYS: key })
  url = await addressOf(server)
}, 60_000)

afterAll(async () => {
  await kill(server)
})

const files = () => [
  ...['--dataset', join(folder, 'train.jsonl')],
  ...['--validation', join(folder, 'validation.jsonl')],
]
const little = ['--seconds', '1', '--rate', '20', '--burst', '40']

const result = z.object({
  outcome: z.string(),
  requests: z.number(),
  passed: z.number(),
  verdicts: z.array(
    z.object({ check: z.string(), outcome: z.string(), why: z.string(), advice: z.string().optional() }),
  ),
})

describe('the command preflight', () => {
  it('passes a server and a dataset that fit each other', async () => {
    const agents = [
      '--agents',
      compiled('test/environment/agents.js'),
      '--agent',
      'careful,hasty,guessing',
      '--items',
      '4',
      '--group',
      '2',
    ]
    const ran = await scorekeeper(['preflight', url, ...files(), ...little, ...agents, '--json'], {
      SCOREKEEPER_KEY: key,
    })
    const { verdicts, outcome, requests } = result.parse(JSON.parse(ran.out))
    expect(verdicts.filter((verdict) => verdict.outcome !== 'pass')).toEqual([])
    expect([ran.code, outcome]).toEqual([0, 'pass'])
    expect(requests).toBeGreaterThan(200)
    expect(ran.err).toMatch(/^At most [\d,]+ requests will be sent\.$/m)
  }, 60_000)

  it('prints one line per verdict with advice, and exits with 1 if a check fails', async () => {
    const ran = await scorekeeper(['preflight', url, ...files(), '--seconds', '0', '--burst', '0', '--budget', '7'], {
      SCOREKEEPER_KEY: 'another-key-of-that-length',
    })
    expect(ran.code).toBe(1)
    expect(ran.out).toMatch(/^fail {2}token {19}a tool refuses the key with 401/m)
    expect(ran.out).toMatch(/^ {30}→ check that the server knows this key/m)
    expect(ran.out).not.toContain('contract')
    expect(ran.out).toMatch(/\nfail: \d+ passed, \d+ warnings, \d+ failed, \d+ not known; [\d,]+ requests sent\n$/)
  }, 60_000)

  it.each([
    [['localhost:8000', '--dataset', 'x'], 2, 'begins with http:// or https://'],
    [['http://localhost:1'], 2, '--dataset'],
    [['http://localhost:1', '--dataset', 'no/such.jsonl'], 1, 'no/such.jsonl'],
    [['http://localhost:1', '--dataset', 'package.json'], 1, 'has no row with messages'],
    [['http://localhost:1', '--dataset', 'x', '--call', 'search'], 2, 'search={"query":"revenue"}'],
    [['http://localhost:1', '--dataset', 'x', '--range', '1'], 2, 'range'],
    [['http://localhost:1', '--dataset', 'x', '--model', 'm', '--max-dollars', '1'], 2, '--prices'],
  ])('reports what is wrong with %j', async (args, code, message) => {
    const ran = await scorekeeper(['preflight', ...args])
    expect([ran.code, ran.err, ran.out]).toEqual([code, expect.stringContaining(message), ''])
  })
})
