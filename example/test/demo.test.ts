import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openServerDatabase } from '../../src/postgres/open-database.ts'
import { loadConfig } from '../../src/server/config/config.ts'
import { useFolder } from '../../test/support/temporary.ts'
import { loadPages } from '../corpus/load.ts'
import { countOrigins } from '../corpus/origins.ts'
import { page } from './support/corpus.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = useFolder()

/** Plays the demo, which leaves its server running until it is stopped. */
function play(dataDir: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'demo'], {
    cwd: root,
    env: { ...process.env, DATA_DIR: dataDir, PORT: '0', API_KEYS: 'a-key-that-is-configured-already' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => {
    said.out += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    said.err += chunk.toString()
  })
  const ended = once(child, 'close')
  const stop = async () => {
    child.kill('SIGTERM')
    return (await ended)[0]
  }
  const hasSaid = (text: string) =>
    expect.poll(() => said.out + said.err, { timeout: 100_000, interval: 200 }).toContain(text)
  return { said, stop, hasSaid }
}

/** Stands in for `curl`, which may not be installed. */
const curl = `
const [url, ...options] = process.argv.slice(1)
const after = (flag) => options.flatMap((option, at) => (option === flag ? [options[at + 1]] : []))
const headers = Object.fromEntries(after('-H').map((header) => header.split(': ')))
const [body] = after('-d')
fetch(url, body ? { method: 'POST', headers, body } : { headers }).then((response) => response.text()).then(console.log)
`

/** Runs commands in a shell and returns their output. */
async function shell(commands: string): Promise<string> {
  const child = spawn('sh', ['-c', `curl() { "$NODE" -e "$CURL" "$@"; }\n${commands}`], {
    env: { ...process.env, NODE: process.execPath, CURL: curl },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  await once(child, 'close')
  return out
}

describe('the demo', () => {
  it('generates its corpus, plays rollouts with retries over HTTP, prints the rewards, and shows what to try next', async () => {
    const { said, stop, hasSaid } = play(join(folder, 'data'))
    await hasSaid('README.md shows')
    const table = said.out.split('\n').map((line) => line.trim().split(/\s{2,}/))
    const names = table.find((line) => line.includes('careful')) ?? []
    expect([...names].sort()).toEqual(['all', 'careful', 'guessing', 'hasty', 'rambling'])
    const cell = (row: string, agent: string) =>
      Number(table.find(([name]) => name === row)?.[1 + names.indexOf(agent)]?.split(' ')[0])
    const reward = (agent: string) => cell('reward, mean', agent)
    const calls = (agent: string) => cell('calls per rollout', agent)
    expect(names.map((agent) => cell('scored', agent)).sort()).toEqual([20, 20, 20, 20, 80])
    expect(reward('careful')).toBeGreaterThan(0.5)
    expect(reward('careful')).toBeGreaterThan(reward('rambling'))
    expect(reward('guessing')).toBeLessThan(0.2)
    expect(calls('rambling')).toBeGreaterThan(calls('careful'))
    expect(calls('guessing')).toBe(0)
    expect(said.out).toMatch(
      /80 rollouts in the run demo-[-\dT]+, \d+ tool calls; [1-9]\d* requests were sent twice, .*: 0 answered differently/,
    )

    // The commands that it shows work as printed, more than once, and cause no warning.
    const lines = said.out.split('\n').map((line) => line.trim())
    const next = lines.slice(
      lines.findIndex((line) => line.startsWith('id=')),
      -3,
    )
    expect(next.filter((line) => line.startsWith('curl '))).toHaveLength(3)
    for (const _ of ['first', 'again']) {
      const answers = await shell(next.join('\n'))
      const [called = '', graded = '', tools = ''] = answers.split('\n')
      expect(JSON.parse(called)).toMatchObject({ output: expect.stringMatching(/^1\. \S+\n/) })
      expect(JSON.parse(graded)).toEqual({ score: expect.any(Number) })
      expect(JSON.parse(graded).score).toBeGreaterThan(0.8)
      expect(tools).toContain('"search"')
    }
    expect(await stop()).toBe(0)
    expect(said.err).toBe('')
  }, 120_000)

  it('keeps imported pages and uses its own database', async () => {
    const dataDir = join(folder, 'imported')
    const config = loadConfig({ DATA_DIR: dataDir })
    const before = await openServerDatabase(config)
    await loadPages(before.db, [page('OAK/2014/page_1', 'Revenue rose.')])
    await before.close()
    const { said, stop, hasSaid } = play(dataDir)
    await hasSaid('Corpus: ')
    expect(await stop()).toBe(0)
    expect(said.out).toContain(
      `${dataDir} has 1 page from an import, which the demo keeps: it uses ${dataDir}/demo instead.`,
    )
    const after = await openServerDatabase(config)
    expect(await countOrigins(after.db)).toEqual({ generated: 0, imported: 1 })
    await after.close()
  }, 120_000)
})
