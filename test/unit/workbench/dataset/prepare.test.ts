import { hash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stringifyExactly } from '../../../../src/base/exact-json.ts'
import { checkDataset } from '../../../../src/workbench/dataset/check.ts'
import { type PrepareSettings, prepareDataset } from '../../../../src/workbench/dataset/prepare.ts'
import { row, rowsFrom, rules, writeRows } from '../../../support/dataset/rows.ts'
import { makeFolder, removeFolder } from '../../../support/temporary.ts'

let folder: string
beforeEach(() => {
  folder = makeFolder()
})
afterEach(() => removeFolder(folder))

const prepare = (rows: readonly unknown[], more: Partial<PrepareSettings> = {}) =>
  prepareDataset({
    ...{
      files: [writeRows(folder, 'rows.jsonl', rows)],
      out: join(folder, 'out'),
      tools: rules.tools,
      offered: rules.tools,
    },
    ...{
      validationShare: 0.2,
      seed: 'a',
      dropDuplicates: false,
      skipBad: false,
      replaceTools: false,
      mostNamed: 3,
      version: '0',
    },
    ...{ readItem: rules.readItem, ...more },
  })
const text = (name: string) => readFileSync(join(folder, 'out', name), 'utf8')
const written = (name: string): Record<string, unknown>[] =>
  text(name)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
const question = (one: Record<string, unknown>) => JSON.stringify(one['messages'])

describe('dataset prepare', () => {
  it('puts the tools into every row, splits, and what it writes passes every check', async () => {
    const manifest = await prepare(rowsFrom(0, 200))
    const train = written('train.jsonl')
    const validation = written('validation.jsonl')
    expect(train.length + validation.length).toBe(200)
    expect([manifest.train.rows, manifest.validation?.rows]).toEqual([train.length, validation.length])
    expect(validation.length).toBeGreaterThan(20)
    expect(validation.length).toBeLessThan(60)
    for (const one of [...train, ...validation]) expect(one['tools']).toEqual(rules.tools)
    const [files, second] = ['train.jsonl', 'validation.jsonl'].map((name) => [join(folder, 'out', name)])
    const checked = { ...rules, files: files ?? [], validation: second, mostTokens: 32_000, mostNamed: 5 }
    expect((await checkDataset(checked)).outcome).toBe('pass')
  })

  it('describes what it did in the manifest, with hashes of the files', async () => {
    const manifest = await prepare(rowsFrom(0, 40), { seed: 'my seed' })
    expect(JSON.parse(text('manifest.json'))).toEqual(manifest)
    expect(manifest).toMatchObject({
      seed: 'my seed',
      items: 40,
      tools: ['search', 'list', 'cat', 'note'],
      from: [{ rows: 40 }],
    })
    expect(manifest.from[0]?.sha256).toBe(hash('sha256', readFileSync(join(folder, 'rows.jsonl'))))
    for (const set of [manifest.train, manifest.validation]) {
      if (set === null) throw new Error('expected a validation set')
      expect(set.sha256).toBe(hash('sha256', text(set.file)))
      expect(set.bytes).toBe(Buffer.byteLength(text(set.file)))
    }
    expect(readdirSync(join(folder, 'out')).sort()).toEqual(['manifest.json', 'train.jsonl', 'validation.jsonl'])
  })

  it('never splits the rows of one item; equal seeds give equal splits, others different ones', async () => {
    const groups = rowsFrom(0, 60).flatMap((one) => [one, { ...one, reference_answer: '7' }, { ...one, id: 'again' }])
    await prepare(groups)
    const [train, validation] = [written('train.jsonl'), written('validation.jsonl')]
    const inTrain = new Set(train.map(question))
    expect(validation.length % 3).toBe(0)
    expect(validation.filter((one) => inTrain.has(question(one)))).toEqual([])
    const before = text('validation.jsonl')
    await prepare(groups)
    expect(text('validation.jsonl')).toBe(before)
    await prepare(groups, { seed: 'b' })
    expect(text('validation.jsonl')).not.toBe(before)
  })

  it('keeps an item on its side when others are added', async () => {
    await prepare(rowsFrom(0, 100))
    const before = written('validation.jsonl').map(question)
    await prepare([...rowsFrom(500, 100), ...rowsFrom(0, 100)])
    const after = new Set(written('validation.jsonl').map(question))
    expect(before.every((one) => after.has(one))).toBe(true)
  })

  it('keeps integers beyond 2^53 to the digit where it replaces tools, and drops no row that differs in one', async () => {
    const labelled = (label: string) => JSON.stringify(row(70, { tools: [] })).replace('"1070.5"', label)
    const rows = [...rowsFrom(0, 12), labelled('9007199254740992'), labelled('9007199254740993')]
    const manifest = await prepare(rows, { validationShare: 0, dropDuplicates: true })
    expect(manifest).toMatchObject({ duplicates: { found: 0 }, toolsReplaced: 2, train: { rows: 14 } })
    expect(text('train.jsonl')).toContain('"reference_answer":9007199254740993,')
  })

  it('writes and compares tools whose schemas have integers beyond 2^53 to the digit', async () => {
    const parameters = { type: 'object', properties: { id: { type: 'integer', maximum: 9_223_372_036_854_775_807n } } }
    const tools = [
      { type: 'function', function: { name: 'open', description: 'Opens an order.', parameters } },
    ] as const
    const own = stringifyExactly({ ...row(70), tools })
    const manifest = await prepare([...rowsFrom(0, 12), own], { validationShare: 0, tools, offered: tools })
    expect(manifest).toMatchObject({ toolsReplaced: 0, train: { rows: 13 } })
    expect(text('train.jsonl').match(/"maximum":9223372036854775807/g)).toHaveLength(13)
  })

  it('refuses rows that define tools which the server does not have, unless it may replace them', async () => {
    const deploy = { type: 'function', function: { name: 'deploy', description: 'Deploys.', parameters: {} } }
    const rows = [...rowsFrom(0, 12), row(70, { tools: [deploy] })]
    await expect(prepare(rows)).rejects.toThrow(/line 13: it defines the tool deploy, which the server does not have/)
    expect(await prepare(rows, { replaceTools: true })).toMatchObject({ toolsReplaced: 1 })
  })

  it('leaves the other fields of a row as they were written, to the byte, and replaces its tools', async () => {
    const [first, ...others] = rowsFrom(0, 12).map((one) => JSON.stringify(one))
    const odd = `${first?.slice(0, -1)}, "n" : 12345678901234567890, "e":1e2,"s":"\\u00e9"  } `
    const replaced = JSON.stringify(row(70, { tools: [] }))
    const manifest = await prepare([odd, ...others, replaced], { validationShare: 0 })
    expect(text('train.jsonl')).toContain(`${odd.trimEnd().slice(0, -1).trimEnd()},"tools":[`)
    expect(manifest).toMatchObject({ toolsReplaced: 1, validation: null, train: { rows: 13 } })
    expect(written('train.jsonl').at(-1)?.['tools']).toEqual(rules.tools)
    expect(existsSync(join(folder, 'out', 'validation.jsonl'))).toBe(false)
  })

  it('keeps duplicates and counts them, or leaves them out', async () => {
    const rows = [...rowsFrom(0, 20), row(3), row(4, { id: 'x' })]
    expect(await prepare(rows)).toMatchObject({ duplicates: { found: 2, dropped: 0 } })
    const dropped = await prepare(rows, { dropDuplicates: true })
    expect(dropped).toMatchObject({ duplicates: { found: 2, dropped: 2 } })
    expect(dropped.train.rows + (dropped.validation?.rows ?? 0)).toBe(20)
  })

  it('names the rows that no job could use, and writes nothing', async () => {
    const bad = [
      '{',
      row(30, { reference_answer: '' }),
      row(31, { messages: [] }),
      row(32, { notes: 'x'.repeat(999_900) }),
    ]
    const refused = prepare([...rowsFrom(0, 20), ...bad])
    await expect(refused).rejects.toMatchObject({ name: 'BadRowsError', count: 4, rows: { length: 3 } })
    await expect(refused).rejects.toThrow(
      /4 rows cannot be used, and nothing was written:\n {2}.*rows\.jsonl, line 21: is not/,
    )
    expect(existsSync(join(folder, 'out'))).toBe(false)
    const skipping = await prepare([...rowsFrom(0, 20), ...bad], { skipBad: true })
    expect(skipping).toMatchObject({
      items: 20,
      skipped: { count: 4, rows: [{ line: 21 }, { line: 22 }, { line: 23 }] },
    })
  })

  it('keeps the previous files and leaves no partial ones when it is stopped or fails', async () => {
    mkdirSync(join(folder, 'out'))
    writeFileSync(join(folder, 'out', 'train.jsonl'), 'before\n')
    const stop = new AbortController()
    const onBytes = () => stop.abort(new Error('stopped'))
    await expect(prepare(rowsFrom(0, 5_000), { signal: stop.signal, onBytes })).rejects.toThrow('stopped')
    await expect(prepare([...rowsFrom(0, 5_000), '{'])).rejects.toThrow('1 row cannot be used')
    expect(text('train.jsonl')).toBe('before\n')
    expect(readdirSync(join(folder, 'out'))).toEqual(['train.jsonl'])
  })
})
