import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { open } from '../../../support/app.ts'
import { createTestDatabase, type TestDatabase } from '../../../support/database.ts'
import { scorekeeper, scorekeeperArgs, scorekeeperFolder } from '../../../support/scorekeeper.ts'

let home: TestDatabase

beforeAll(async () => {
  home = await createTestDatabase()
  const { sql, close } = open(home.url)
  // More than any pipe holds.
  await sql`
    insert into rollouts (run, id, item_hash, created_at)
    select 'default', 'r' || lpad(n::text, 4, '0'), 'i', '2026-10-01' from generate_series(0, 699) n`
  await sql`
    insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, duration_ms, created_at)
    select run, number, 'g', '1', 'trainer', 's', jsonb_build_object('output_text', repeat('x', 20000)), 'i', 'scored', 1, 1, '2026-10-01'
    from rollouts`
  await close()
})
afterAll(() => home.drop())

const names = Array.from({ length: 700 }, (_, n) => `r${String(n).padStart(4, '0')}`)
const idsIn = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line).rollout)

/** Starts an export whose output is read on request; `out` and `err` have what was read. */
function begin(command: string, args: readonly string[]) {
  const env = { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production', DATABASE_URL: home.url }
  const child = spawn(command, args, { cwd: scorekeeperFolder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const read = { out: '', err: '' }
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    read.err += text
  })
  const first = once(child.stdout, 'readable')
  const readOn = () =>
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      read.out += text
    })
  return { child, read, first, readOn }
}

const codeOf = async (child: ChildProcess): Promise<unknown> => (await once(child, 'close'))[0]

describe('an interrupted export', () => {
  it('prints its cursor at Ctrl-C, and resumes there with no line lost or repeated', async () => {
    const { child, read, first, readOn } = begin(process.execPath, scorekeeperArgs('export', '--json'))
    await first
    child.kill('SIGINT')
    readOn()
    expect(await codeOf(child)).toBe(130)
    const { lines, cursor } = JSON.parse(read.err)
    const before = idsIn(read.out)
    expect([before.length, before.length < 700]).toEqual([lines, true])
    const rest = await scorekeeper(['export', '--after', cursor], { DATABASE_URL: home.url })
    expect([...before, ...idsIn(rest.out)]).toEqual(names)
  }, 30_000)

  it('reports in one line that its lines could not be written', async () => {
    const command = [process.execPath, ...scorekeeperArgs('export')]
    const { child, read } = begin('sh', ['-c', 'exec "$@" > /dev/full', 'sh', ...command])
    expect(await codeOf(child)).toBe(1)
    expect(read.err).toMatch(/^export: .*ENOSPC.*\n$/)
  }, 30_000)

  it('prints one JSON document on stderr, however long it takes', async () => {
    const { child, read, first, readOn } = begin(process.execPath, scorekeeperArgs('export', '--json'))
    await first
    // Long enough that it would report its progress.
    await sleep(2_500)
    readOn()
    expect(await codeOf(child)).toBe(0)
    expect(JSON.parse(read.err)).toMatchObject({ lines: 700 })
    expect(idsIn(read.out)).toEqual(names)
  }, 30_000)

  it.each([['here'], ['2026-13-45T99:00:00.000Z/a'], ['2026-10-01T00:00:00.000Z/%E0%A4%A']])(
    'is refused as wrong usage with the cursor %s',
    async (cursor) => {
      const ran = await scorekeeper(['export', '--after', cursor], { DATABASE_URL: home.url })
      expect(ran).toMatchObject({ code: 2, err: expect.stringContaining('is not a valid cursor'), out: '' })
    },
  )
})
