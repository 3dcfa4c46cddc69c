import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { useDatabase } from '../../../support/database.ts'
import { record } from '../../../support/export/recorded.ts'
import { scorekeeper } from '../../../support/scorekeeper.ts'
import { useFolder } from '../../../support/temporary.ts'

const database = useDatabase()
const folder = useFolder()

beforeAll(async () => {
  const call = { from: 0, to: 1 }
  await record(database, [
    { id: 'none', score: 0.1 },
    { id: 'one', at: 1, score: 0.5, calls: [call] },
    { id: 'two', at: 2, score: 0.9, calls: [call, call] },
    { id: 'late', at: 3, outcome: 'failed', calls: [call] },
  ])
  await database.sql`update grades set version = '2', code = 'grader_timed_out' where rollout in (select number from rollouts where id = 'late')`
  // Later regrades do not count, and neither do other graders if one is named.
  await database.sql`
    insert into grades (run, rollout, grader, version, source, sample_hash, sample, item_hash, outcome, score, duration_ms)
    select run, number, 'g', '9', 'regrade', sample_hash, sample, item_hash, 'scored', 0, 1 from ledger.gradings where rollout_id = 'two'`
})

const run = (...args: readonly string[]) => scorekeeper(['export', ...args], { DATABASE_URL: database.url })
const idsIn = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line).rollout)

describe('an export with conditions', () => {
  it.each([
    [['score > 0.1'], ['one', 'two']],
    [['part.answer = 0.5'], ['one']],
    [['calls >= 1 and outcome = scored'], ['one', 'two']],
    [
      ['calls >= 1', 'calls < 2'],
      ['one', 'late'],
    ],
    [['tool != look'], ['none']],
    [['tool = "look" and version != 1'], ['late']],
    [['code = grader_timed_out'], ['late']],
    [['code != grader_timed_out'], ['none', 'one', 'two']],
    [["tool = 'look'' or true --'"], undefined],
    [["tool = x'"], undefined],
    [['tool = "x\'; drop table grades --"'], []],
  ])('%j', async (where, expected) => {
    const ran = await run(...where.flatMap((one) => ['--where', one]))
    if (expected === undefined) expect(ran).toMatchObject({ code: 2, err: expect.stringContaining('cannot read') })
    else expect([ran.code, idsIn(ran.out)]).toEqual([0, expected])
  })

  it('takes the best of each item among the selected', async () => {
    expect(idsIn((await run('--best-of', '1', '--where', 'score < 0.8')).out)).toEqual(['one'])
  })

  it('resumes a file only with the same conditions and the same limit', async () => {
    const out = join(folder, 'out.jsonl')
    const file = () => idsIn(readFileSync(out, 'utf8'))
    const args = ['--out', out, '--limit', '2', '--where']
    expect(await run(...args, 'version = 1')).toMatchObject({ code: 0 })
    expect(await run(...args, 'version = 2')).toMatchObject({ code: 1, err: expect.stringContaining('other options') })
    // There are two rollouts, and two were requested.
    expect(await run(...args, 'version = 1')).toMatchObject({ code: 0 })
    expect(file()).toEqual(['none', 'one'])
  })
})
