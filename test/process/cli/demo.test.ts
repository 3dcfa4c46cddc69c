import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { rowsFrom, writeRows } from '../../support/dataset/rows.ts'
import { scorekeeper } from '../../support/scorekeeper.ts'
import { useFolder } from '../../support/temporary.ts'

const folder = useFolder()

describe('the command demo', () => {
  it('plays the agents on a dataset in the embedded database, and prints who earned what', {
    timeout: 120_000,
  }, async () => {
    const dataset = writeRows(folder, 'rows.jsonl', rowsFrom(0, 5))
    const env = { DATA_DIR: join(folder, 'data'), PORT: '0', DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }
    const { code, out } = await scorekeeper(['demo', '--dataset', dataset, '--items', '3', '--once'], env)
    expect([code, out]).toEqual([0, expect.stringMatching(/^Server: http:\/\/127\.0\.0\.1:\d+$/m)])
    expect(out).toMatch(/^ +careful +hasty +guessing +all$/m)
    expect(out).toMatch(/^scored +3 +3 +3 +9$/m)
    expect(out).toMatch(/^reward, mean +1\.000 /m)
    expect(out).toMatch(/^9 rollouts in the run demo-[\dT-]{19}, \d+ tool calls; .*: 0 answered differently\.$/m)
  })

  it.each([
    [['--agents', 'no/such.js'], 'there is no file no/such.js'],
    [['--dataset', 'no/such.jsonl'], 'no/such.jsonl'],
    [[], 'give --dataset FILE'],
  ])('says what is missing: %j', async (args, message) => {
    const { code, err } = await scorekeeper(['demo', ...args, '--once'], { DATA_DIR: join(folder, 'other'), PORT: '0' })
    expect([code, err]).toEqual([1, expect.stringContaining(message)])
  })
})
