import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeFolder, removeFolder } from './support/temporary.ts'

let folder: string

beforeAll(() => {
  folder = makeFolder()
})

afterAll(() => removeFolder(folder))

describe('the demo', () => {
  it('makes its corpus, plays rollouts with retries over HTTP, prints who earned what, and says what to try next', async () => {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', 'demo/main.ts', '--once'],
      {
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        env: {
          ...process.env,
          DATA_DIR: join(folder, 'data'),
          PORT: '0',
          API_KEYS: 'a-key-that-is-configured-already',
        },
      },
    )
    expect(stderr).toBe('')
    const rows = new Map(
      stdout.split('\n').flatMap((line) => {
        const [agent = '', ...numbers] = line.trim().split(/\s+/)
        return ['careful', 'hasty', 'rambling', 'guessing'].includes(agent)
          ? [[agent, numbers.map(Number)] as const]
          : []
      }),
    )
    expect([...rows.keys()].sort()).toEqual(['careful', 'guessing', 'hasty', 'rambling'])
    const reward = (agent: string) => rows.get(agent)?.[1] ?? Number.NaN
    const calls = (agent: string) => rows.get(agent)?.[5] ?? Number.NaN
    expect([...rows.values()].map(([scored]) => scored)).toEqual([20, 20, 20, 20])
    expect(reward('careful')).toBeGreaterThan(0.5)
    expect(reward('careful')).toBeGreaterThan(reward('rambling'))
    expect(reward('guessing')).toBeLessThan(0.2)
    expect(calls('rambling')).toBeGreaterThan(calls('careful'))
    expect(calls('guessing')).toBe(0)
    expect(stdout).toMatch(/\d+ rollouts, \d+ tool calls, [1-9]\d* of them sent twice .*: 0 answered differently/)
    expect(stdout).toMatch(/curl http:\S+\/tools\/search -H 'authorization: Bearer \w+'/)
  }, 120_000)
})
