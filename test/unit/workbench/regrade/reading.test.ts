import { describe, expect, it } from 'vitest'
import { regradeWithOptions } from '../../../../src/cli/ledger/regrade-command.ts'
import { parseTimestamp } from '../../../../src/cli/trainer/rollout-options.ts'
import { csvLine } from '../../../../src/workbench/regrade/csv.ts'
import { parseWhere } from '../../../../src/workbench/regrade/where.ts'

describe('--where', () => {
  it.each([
    ['score<0.5', [{ field: 'score', is: '<', value: 0.5 }]],
    ['score >= -1e-3', [{ field: 'score', is: '>=', value: -0.001 }]],
    ['outcome == failed', [{ field: 'outcome', is: '=', value: 'failed' }]],
    ['code <> grader_failed', [{ field: 'code', is: '!=', value: 'grader_failed' }]],
    ['version="2 beta and more"', [{ field: 'version', is: '=', value: '2 beta and more' }]],
    ['part.answer>0', [{ field: 'part', part: 'answer', is: '>', value: 0 }]],
    ['part."a part" = 1', [{ field: 'part', part: 'a part', is: '=', value: 1 }]],
    [
      "tool = 'search' AND calls != 3 and score = 0",
      [
        { field: 'tool', is: '=', value: 'search' },
        { field: 'calls', is: '!=', value: 3 },
        { field: 'score', is: '=', value: 0 },
      ],
    ],
  ])('reads %s', (text, conditions) => expect(parseWhere(text)).toEqual(conditions))

  it.each([
    ['', 'cannot read'],
    ['score', 'cannot read "score"'],
    ['score < 1 or score > 2', 'cannot read "score < 1 or score > 2"'],
    ['score < 1 and', 'cannot read'],
    ['score < 1; drop table grades', 'cannot read'],
    ["tool = 'a' or 1=1", 'cannot read'],
    ['grade < 1', 'there is no field "grade"; the fields are score'],
    ['outcome < failed', '"outcome" is a text'],
    ['outcome = wrong', 'the outcome was "wrong"; it is one of scored, failed, ungradable'],
    ['score < much', 'compared with a number, not with "much"'],
    ['calls = ""', 'compared with a number'],
    ['part.answer > NaN', '"part.answer" is compared with a number'],
  ])('reports what is wrong with "%s"', (text, words) => expect(() => parseWhere(text)).toThrow(words))
})

describe('--since', () => {
  const now = Date.parse('2026-11-08T12:00:00Z')
  it.each([
    ['7d', '2026-11-01T12:00:00.000Z'],
    ['90m', '2026-11-08T10:30:00.000Z'],
    ['2w', '2026-10-25T12:00:00.000Z'],
    ['2026-11-01', '2026-11-01T00:00:00.000Z'],
    ['2028-02-29', '2028-02-29T00:00:00.000Z'],
    ['2026-12-31T23:30-01:00', '2027-01-01T00:30:00.000Z'],
    ['2026-11-01T06:30', '2026-11-01T06:30:00.000Z'],
    ['2026-11-01 06:30:15', '2026-11-01T06:30:15.000Z'],
    ['2026-11-01T06:30+02:00', '2026-11-01T04:30:00.000Z'],
  ])('reads %s', (text, timestamp) => expect(parseTimestamp(text, now).toISOString()).toBe(timestamp))
  it.each([
    'yesterday',
    '7',
    '7y',
    '2026-13-01',
    '2026-00-01',
    '2026-02-30',
    '2026-02-29',
    '2026-04-31T12:00Z',
    '2026-11-00',
    '2026-11-01T25:00',
    '01.11.2026',
    '',
  ])('refuses "%s", and shows how to write a timestamp', (text) =>
    expect(() => parseTimestamp(text, now)).toThrow('is not a valid timestamp: write 2026-11-01'),
  )
})

describe('the options', () => {
  const refused = async (...args: string[]) => {
    let output = ''
    const command = regradeWithOptions()
      .exitOverride()
      .configureOutput({
        writeErr: (text) => {
          output += text
        },
      })
    await expect(command.parseAsync(args, { from: 'user' })).rejects.toThrow()
    return output
  }
  it('are refused with the reason', async () => {
    expect(await refused('--item', "'; --")).toContain('hash of an item')
    expect(await refused('--limit', '0')).toContain('whole number')
    expect(await refused('--concurrency', '1001')).toContain('from 1 to 1000')
    expect(await refused('--since', 'soon')).toContain('is not a valid timestamp')
  })

  it('combine several --where', async () => {
    const command = regradeWithOptions()
    await command.parseAsync(['--where', 'score < 1', '--where', 'tool = cat and calls > 2'], { from: 'user' })
    expect(command.opts().where).toEqual([...parseWhere('score < 1'), ...parseWhere('tool = cat and calls > 2')])
  })
})

describe('a line of CSV', () => {
  const row = {
    run: 'default',
    rollout_id: 'r',
    attempt: 1,
    sample_hash: 's',
    item_hash: 'i',
    before: -0.5,
    before_outcome: 'scored',
    before_source: 'trainer',
    before_version: '1',
    after: null,
    after_outcome: 'failed',
    after_code: null,
    change: -1e-7,
    before_parts: { a: 1 },
    after_parts: null,
    before_reason: 'plain',
    after_reason: null,
  }
  it('has plain numbers, doubled quotes, and nothing for null', () => {
    expect(csvLine({ ...row, before_reason: 'a "b", c' })).toBe(
      'default,r,1,i,s,-0.5,,-1e-7,scored,trainer,1,failed,,"{""a"":1}",,"a ""b"", c",\r\n',
    )
  })
  it.each(['=1+1', '+1', '-1', '@sum(a1)', '\t=1', '\r=1', '\n=1', '＝1'])(
    'does not let a spreadsheet run %j',
    (text) => {
      expect(csvLine({ ...row, rollout_id: text })).toMatch(/^default,"'/)
    },
  )
})
