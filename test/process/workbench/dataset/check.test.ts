import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { ToolDefinition } from '../../../../src/kit/define-tool.ts'
import { checkDataset } from '../../../../src/workbench/dataset/check.ts'
import { row, rowsFrom, rules, writeRows } from '../../../support/dataset/rows.ts'
import { useFolder } from '../../../support/temporary.ts'

const folder = useFolder()

const settings = { ...rules, mostTokens: 32_000, mostNamed: 5 }

/** The verdicts on these rows after ten good ones; every other check of them passes. */
async function verdictsOf(rows: readonly unknown[], validation?: readonly unknown[]) {
  const good = rowsFrom(0, 10, { tools: rules.tools })
  const files = [writeRows(folder, 'rows.jsonl', [...good, ...rows])]
  const second = validation && [writeRows(folder, 'validation.jsonl', validation)]
  const { verdicts, outcome } = await checkDataset({ ...settings, files, validation: second })
  return { outcome, of: new Map(verdicts.map((verdict) => [verdict.check, verdict])) }
}

const others = rowsFrom(100, 10, { tools: rules.tools })
const user = (content: unknown) => ({ role: 'user', content })
/** A row whose id is a number, exactly as written. */
const numbered = (id: string, n = 20) => JSON.stringify(row(n, { tools: rules.tools })).replace('{', `{"id":${id},`)
const shared = (name: string) => fileURLToPath(new URL(`../../../shared/${name}`, import.meta.url))

describe('dataset check', () => {
  it('passes a good dataset in every check', async () => {
    const { outcome, of } = await verdictsOf([], others)
    expect(outcome).toBe('pass')
    expect(of.size).toBe(15)
  })

  it.each<readonly [string, 'fail' | 'warn', unknown, RegExp]>([
    ['lines', 'fail', '{"messages": [', /is not valid JSON: the object does not end/],
    ['lines', 'fail', '["a list"]', /is JSON, but not an object/],
    ['messages', 'fail', { reference_answer: '7' }, /it has no messages/],
    ['messages', 'fail', row(20, { messages: [] }), /messages: was a list, must have at least 1 item/],
    [
      'messages',
      'fail',
      row(20, { messages: [user('a'), { role: 'assistant', content: 'b' }] }),
      /has the role assistant/,
    ],
    ['messages', 'fail', row(20, { messages: [user(' ')] }), /the last message is empty/],
    ['messages', 'fail', row(20, { messages: [{ role: 'robot', content: 'a' }] }), /messages\[0\]\.role/],
    ['messages', 'fail', row(20, { messages: [user([{ type: 'input_audio', data: '' }])] }), /messages\[0\]\.content/],
    ['roles', 'warn', row(20, { messages: [{ role: 'system', content: 'a' }, user('b')] }), /role system/],
    ['reserved', 'fail', row(20, { messages: 'what is it?' }), /messages is not a list/],
    ['reserved', 'fail', row(20, { tools: ['search'] }), /tools\[0\]: was a string/],
    ['references', 'fail', row(20, { reference_answer: '' }), /item\.reference_answer: is empty/],
    ['lines', 'fail', '{"messages": [], "reference_answer": NaN}', /is not valid JSON: NaN is not a JSON value/],
    ['labels', 'fail', row(20, { reference_answer: 'nan' }), /reference_answer is "nan"/],
    ['labels', 'fail', row(20, { reference_answer: '#REF!' }), /reference_answer is "#REF!"/],
    ['labels', 'fail', row(20, { reference_answer: '#DIV/0!' }), /reference_answer is "#DIV\/0!"/],
    ['labels', 'warn', row(20, { reference_answer: 'N/A' }), /reference_answer is "N\/A"/],
    ['numbers', 'warn', numbered('9007199254740993'), /^id is the integer 9007199254740993$/],
    ['duplicates', 'fail', row(3, { id: 'another', tools: rules.tools }), /it is the same as .*rows\.jsonl, line 4$/],
    ['contradictions', 'warn', row(3, { reference_answer: '77' }), /it asks what .*rows\.jsonl, line 4 asks/],
    [
      'leaks',
      'warn',
      row(20, { messages: [user('is it 1020.5 or less?')] }),
      /reference_answer occurs in the messages/,
    ],
    ['tools', 'fail', row(20, { tools: rules.tools.toSpliced(0, 1, tool('find')) }), /the server has no tool find/],
    ['tools', 'fail', row(20, { tools: [tool('cat')] }), /the parameters of cat differ from the server's/],
    ['tools', 'fail', row(20, { tools: [...rules.tools, ...rules.tools] }), /the tool search is defined twice/],
    ['size', 'fail', row(20, { notes: 'x'.repeat(1_000_000) }), /it has 1,000,\d{3} bytes/],
    ['tokens', 'warn', row(20, { messages: [user('word '.repeat(30_000))] }), /it has about 37,\d{3} tokens/],
  ])('%s: %ss a bad row, names it and says what to do', async (check, outcome, bad, reason) => {
    const { of } = await verdictsOf([bad], others)
    const verdict = of.get(check)
    expect(verdict).toMatchObject({ outcome, count: 1, rows: [{ line: 11, reason: expect.stringMatching(reason) }] })
    expect(verdict?.advice).toBeTruthy()
  })

  it('fails when one row in twenty has its reference in the messages', async () => {
    const leaky = (n: number) => row(n, { messages: [user(`is it ${1000 + n}.5?`)] })
    const { of } = await verdictsOf([leaky(20), leaky(21)], others)
    expect(of.get('leaks')).toMatchObject({ outcome: 'fail', count: 2 })
  })

  it('never repeats a reference in what it says', async () => {
    const secret = { messages: [user('is it forty-two thousand?')], reference_answer: 'forty-two thousand' }
    const { of } = await verdictsOf([secret, { ...secret, reference_answer: { forty: 'forty-two thousand' } }], others)
    expect(of.get('leaks')?.count).toBe(1)
    expect(of.get('references')?.count).toBe(1)
    expect(JSON.stringify([...of.values()])).not.toContain('forty-two')
  })

  it('finds an item that is both in training and in validation, though its white space differs', async () => {
    const spaced = { ...row(3), messages: [{ content: 'Answer with  the number alone. ', role: 'developer' }] }
    const again = { ...spaced, messages: [...spaced.messages, user('what was the revenue\nof company 3?')] }
    const { of } = await verdictsOf([], [...others, again])
    expect(of.get('overlap')).toMatchObject({ outcome: 'fail', count: 1 })
    expect(of.get('overlap')?.rows[0]?.reason).toMatch(/rows\.jsonl, line 4$/)
  })

  it('warns when there is no validation set, and when the rows define no tools', async () => {
    const files = [writeRows(folder, 'bare.jsonl', rowsFrom(0, 10))]
    const { verdicts, outcome } = await checkDataset({ ...settings, files })
    expect(outcome).toBe('warn')
    expect(verdicts.filter((one) => one.outcome === 'warn').map(({ check }) => check)).toEqual(['overlap', 'tools'])
  })

  it('skips the checks that need a reference, with the reason, if every reference is unreadable', async () => {
    const unanswered = rowsFrom(0, 12).map((one) => ({ ...one, reference_answer: null }))
    const files = [writeRows(folder, 'unanswered.jsonl', unanswered)]
    const { verdicts, outcome } = await checkDataset({ ...settings, files })
    expect(outcome).toBe('fail')
    const skipped = verdicts.filter((one) => one.outcome === 'skip')
    expect(skipped.map(({ check }) => check)).toEqual(['labels', 'contradictions', 'leaks'])
    for (const { why } of skipped) expect(why).toBe('not checked: there is no row whose reference can be read')
  })

  it('passes nothing but the number of files when no line can be read', async () => {
    const files = [writeRows(folder, 'unreadable.jsonl', ['{', '[]'])]
    const { verdicts } = await checkDataset({ ...settings, files, validation: files })
    expect(verdicts.filter((one) => one.outcome === 'pass')).toEqual([])
    expect(verdicts.find(({ check }) => check === 'leaks')).toMatchObject({
      outcome: 'skip',
      why: 'not checked: no row can be read',
    })
  })

  it('says how many rows a check covers if some references are unreadable', async () => {
    const { of } = await verdictsOf([row(20, { tools: rules.tools, reference_answer: null })], others)
    expect(of.get('leaks')).toMatchObject({ outcome: 'pass' })
    expect(of.get('leaks')?.why).toMatch(/; checked 20 rows whose reference can be read$/)
  })

  it('ignores the fields of the reference that an option names', async () => {
    const leaky = row(20, { gold_path: 'a/b/page_1.pdf', messages: [user('what is in a/b/page_1.pdf?')] })
    const files = [writeRows(folder, 'ignored.jsonl', [...rowsFrom(0, 11), leaky])]
    const leaks = async (ignoredFields?: readonly string[]) =>
      (await checkDataset({ ...settings, files, ignoredFields })).verdicts.find(({ check }) => check === 'leaks')
    expect(await leaks()).toMatchObject({ outcome: 'fail', count: 1 })
    expect(await leaks(['gold_path'])).toMatchObject({ outcome: 'pass' })
    expect(await leaks(['gold'])).toMatchObject({ outcome: 'fail' })
  })

  it('does not advise to replace tools of another server', async () => {
    const { of } = await verdictsOf([row(20, { tools: [tool('deploy')] })], others)
    expect(of.get('tools')?.advice).toMatch(/^if the rows are for another server, name it with --tools-from/)
  })

  it('distinguishes rows that differ in the last digit of an integer beyond 2^53', async () => {
    const labelled = (label: string) => JSON.stringify(row(20)).replace(/"1020\.5"/, label)
    const { of } = await verdictsOf([labelled('9007199254740992'), labelled('9007199254740993')], others)
    expect(of.get('duplicates')?.count).toBe(0)
    expect(of.get('contradictions')?.count).toBe(1)
    expect(of.get('numbers')?.count).toBe(1)
  })

  it('reads tools whose schemas have integers beyond 2^53', async () => {
    const written = JSON.stringify(row(20, { tools: [tool('open')] }))
    const { of } = await verdictsOf(
      [written.replace('"function":{', '"function":{"limit":9223372036854775807,')],
      others,
    )
    expect(of.get('numbers')?.count).toBe(1)
  })

  it.each([9, 50_001])('fails a file of %i rows: 10 to 50,000 are allowed', async (count) => {
    const files = [writeRows(folder, 'many.jsonl', rowsFrom(0, count))]
    const { verdicts } = await checkDataset({ ...settings, files })
    expect(verdicts.find(({ check }) => check === 'rows')).toMatchObject({ outcome: 'fail' })
  })

  it('gives the same report for gzip, several files, and a byte order mark with Windows line endings', async () => {
    const rows = rowsFrom(0, 30)
    const windows = join(folder, 'windows.jsonl')
    writeFileSync(windows, `\uFEFF${rows.map((one) => JSON.stringify(one)).join('\r\n\r\n')}`)
    const ways = [
      [writeRows(folder, 'plain.jsonl', rows)],
      [writeRows(folder, 'zipped.jsonl.gz', rows)],
      [writeRows(folder, 'one.jsonl', rows.slice(0, 7)), writeRows(folder, 'two.jsonl.gz', rows.slice(7))],
      [windows],
    ]
    const reports = await Promise.all(ways.map((files) => checkDataset({ ...settings, files })))
    for (const { train, outcome, verdicts } of reports) {
      expect([outcome, train.rows, train.items]).toEqual(['warn', 30, 30])
      expect(verdicts.find(({ check }) => check === 'lines')?.outcome).toBe('pass')
    }
  })

  it('throws for gzip that is cut off, instead of checking half of it', async () => {
    const file = writeRows(folder, 'cut.jsonl.gz', rowsFrom(0, 1_000))
    truncateSync(file, 2_000)
    await expect(checkDataset({ ...settings, files: [file] })).rejects.toThrow(
      /cut\.jsonl\.gz is a truncated or damaged gzip file/,
    )
  })

  it('names a line that is not UTF-8, and one too long to be held', async () => {
    const file = writeRows(folder, 'odd.jsonl', rowsFrom(0, 10))
    appendFileSync(file, Buffer.from([0x7b, 0xff, 0x7d, 0x0a]))
    appendFileSync(file, `"${'x'.repeat(17 * 1024 * 1024)}"\n${JSON.stringify(row(50))}\n`)
    const { verdicts, train } = await checkDataset({ ...settings, files: [file] })
    expect(verdicts.find(({ check }) => check === 'lines')?.rows).toMatchObject([
      { line: 11, reason: 'is not UTF-8' },
      { line: 12, reason: 'is longer than 16 MB' },
    ])
    expect(train.rows).toBe(11)
  })

  it('counts all bad rows, but names and keeps only the first', async () => {
    const files = [
      writeRows(
        folder,
        'bad.jsonl',
        Array.from({ length: 200 }, () => '{'),
      ),
    ]
    const { verdicts } = await checkDataset({ ...settings, files, mostNamed: 3 })
    expect(verdicts[0]).toMatchObject({ check: 'lines', count: 200, rows: [{ line: 1 }, { line: 2 }, { line: 3 }] })
  })

  it('reads a file that is larger than the memory it may use', () => {
    const file = join(folder, 'large.jsonl')
    const padding = 'x'.repeat(10_000)
    const rows = Array.from({ length: 100 }, (_, n) => JSON.stringify(row(n, { padding })))
    writeFileSync(file, '')
    // 200 MB, more than six times the heap of 32 MB.
    for (let at = 0; at < 200; at += 1)
      appendFileSync(file, `${rows.join('\n').replaceAll('company ', `company ${at}/`)}\n`)
    // And 300 MB without a line ending.
    truncateSync(file, statSync(file).size + 300 * 1024 * 1024)
    const module = new URL('../../../../src/workbench/dataset/check.ts', import.meta.url).href
    const program = `
      const { checkDataset } = await import(${JSON.stringify(module)})
      const readItem = () => ({ fits: true, task: {}, reference: {} })
      const report = await checkDataset({ files: [${JSON.stringify(file)}], readItem, tools: [], mostTokens: 1, mostNamed: 1 })
      process.stdout.write(JSON.stringify({ ...report.train, lines: report.verdicts[0], rss: process.resourceUsage().maxRSS }))`
    const args = ['--max-old-space-size=32', '--import', 'tsx', '--input-type=module', '-e', program]
    const output = execFileSync(process.execPath, args, { cwd: fileURLToPath(new URL('../../../..', import.meta.url)) })
    const { rows: read, items, lines, rss } = JSON.parse(output.toString())
    expect([read, items, lines.count, lines.rows[0]?.line]).toEqual([20_000, 20_000, 1, 20_001])
    expect(rss).toBeLessThan(195 * 1024)
  }, 120_000)

  it('accepts the row of the public documentation, and real questions except those without an answer', async () => {
    const written = row(5, { tools: [tool('search')] })
    const public_: Record<string, unknown> = existsSync(shared('wire/dataset-row.json'))
      ? JSON.parse(readFileSync(shared('wire/dataset-row.json'), 'utf8')).row
      : row(1, { tools: [tool('search')] })
    const own = [written, ...rowsFrom(10, 12)]
    const real = existsSync(shared('finqa/items_dev.jsonl.gz')) ? readReal(shared('finqa/items_dev.jsonl.gz')) : []
    const files = [writeRows(folder, 'real.jsonl', [public_, ...own, ...real])]
    const { verdicts, train } = await checkDataset({ ...settings, files })
    const failed = verdicts.filter(({ outcome }) => outcome === 'fail').map(({ check }) => check)
    expect(failed.filter((check) => !['references', 'duplicates'].includes(check))).toEqual(['tools'])
    expect(train.rows).toBe(1 + own.length + real.length)
    const unanswered = real.filter(({ reference_answer: answer }) => answer === '').length
    expect(verdicts.find(({ check }) => check === 'references')?.count).toBe(unanswered)
  })
})

/** A tool with other parameters than the server's. */
const tool = (name: string): ToolDefinition => ({
  type: 'function',
  function: { name, description: 'Find it.', parameters: { type: 'object', properties: {} } },
})

const readReal = (file: string): Record<string, unknown>[] =>
  gunzipSync(readFileSync(file))
    .toString()
    .trim()
    .split('\n')
    .map((line) => {
      const { question, ...rest } = JSON.parse(line)
      return { messages: [user(question)], ...rest }
    })
