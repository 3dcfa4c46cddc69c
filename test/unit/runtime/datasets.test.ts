import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineEnvironment } from '../../../src/kit/define.ts'
import type { TaskOf } from '../../../src/runtime/dataset-file.ts'
import { type Datasets, openDatasets } from '../../../src/runtime/datasets.ts'

const { readItem } = defineEnvironment({
  task: z.object({ question: z.string(), hint: z.string().optional() }),
  reference: z.object({ answer: z.union([z.string(), z.number(), z.bigint()]) }),
  state: z.object({}),
})
const taskOf: TaskOf = readItem

describe('datasets', () => {
  let folder: string
  const opened: Datasets[] = []
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'datasets-'))
  })
  afterEach(() => Promise.all(opened.splice(0).map((each) => each.close())))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const fileOf = (name: string, content: string | Buffer) => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return path
  }
  const open = async (files: Readonly<Record<string, string>>) => {
    const datasets = await openDatasets(
      Object.entries(files).map(([split, path]) => ({ split, path })),
      taskOf,
    )
    opened.push(datasets)
    return datasets
  }
  const problemOf = async (files: Readonly<Record<string, string>>) => {
    const error = await open(files).catch((cause: unknown) => cause)
    return error instanceof Error ? error.message : 'they were opened'
  }
  const rows = [
    { question: 'one é', answer: '1' },
    { question: 'two', answer: '2' },
    { question: 'three 😀', answer: '3' },
  ]
  const lines = (list: readonly unknown[]) => list.map((row) => `${JSON.stringify(row)}\n`).join('')
  const text = `\uFEFF${JSON.stringify(rows[0])}\r\n\n  \n${JSON.stringify(rows[1])}\n${JSON.stringify(rows[2])}`

  it('are read row by row, by index, plain or gzip', async () => {
    const files = { train: fileOf('train.jsonl', text), test: fileOf('test.jsonl.gz', gzipSync(text)) }
    const { splits } = await open(files)
    expect(splits.map(({ name, count }) => [name, count])).toEqual([
      ['train', 3],
      ['test', 3],
    ])
    for (const split of splits) {
      for (const index of [2, 0, 1]) {
        expect(await split.row(index)).toEqual({ split: split.name, index, item: rows[index] })
      }
      for (const index of [3, -1, 0.5, Number.NaN]) expect(await split.row(index)).toBeUndefined()
    }
  })

  it('are read in batches, in order', async () => {
    const many = Array.from({ length: 1_000 }, (_, n) => ({
      question: `question ${n} é${'.'.repeat(1_000)}`,
      answer: n,
    }))
    const { splits } = await open({ train: fileOf('batches.jsonl', lines(many)) })
    const read = async (start: number, stop: number) => {
      const found = []
      for await (const { index, item } of splits[0]?.rows(start, stop) ?? []) found.push([index, item])
      return found
    }
    expect(await read(0, 5_000)).toEqual(many.map((item, index) => [index, item]))
    expect(await read(998, 1_000)).toEqual([998, 999].map((index) => [index, many[index]]))
    expect(await read(7, 7)).toEqual([])
  })

  it('keep integers that a number would round', async () => {
    const path = fileOf('big.jsonl', '{"question":"q","answer":12345678901234567890}\n')
    const { splits } = await open({ train: path })
    expect(await splits[0]?.row(0)).toMatchObject({ item: { answer: 12345678901234567890n } })
  })

  it('leave no unpacked file behind', async () => {
    const temporary = process.env['TMPDIR']
    process.env['TMPDIR'] = mkdtempSync(join(folder, 'tmp-'))
    try {
      const { splits } = await open({ train: fileOf('packed.gz', gzipSync(text)) })
      await problemOf({ train: fileOf('torn.gz', gzipSync(text).subarray(0, 30)) })
      expect(readdirSync(process.env['TMPDIR'])).toEqual([])
      expect(await splits[0]?.row(1)).toMatchObject({ item: rows[1] })
    } finally {
      if (temporary === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = temporary
    }
  })

  it('find the row of a task that was listed, in any split', async () => {
    const train = fileOf('found.jsonl', lines(rows.slice(0, 2)))
    const test = fileOf(
      'found-test.jsonl',
      lines([...rows.slice(2), { question: 'two', hint: 'it is even', answer: '2' }]),
    )
    const datasets = await open({ train, test })
    expect(await datasets.find({ question: 'three 😀' })).toEqual([{ split: 'test', index: 0, item: rows[2] }])
    expect(await datasets.find({ hint: 'it is even', question: 'two' })).toMatchObject([{ split: 'test', index: 1 }])
    expect(await datasets.find({ question: 'two' })).toEqual([{ split: 'train', index: 1, item: rows[1] }])
    expect(await datasets.find({ question: 'four' })).toEqual([])
    expect(await datasets.find(null)).toEqual([])
  })

  it('find equal rows once, and every row that differs in its reference', async () => {
    const two = { question: 'two', answer: '2' }
    const path = fileOf('twice.jsonl', lines([two, two, { question: 'two', answer: 'II' }, two]))
    const found = await (await open({ train: path })).find({ question: 'two' })
    expect(found.map(({ index }) => index)).toEqual([0, 2])
  })

  it('find each of many tasks', async () => {
    const many = Array.from({ length: 2_000 }, (_, n) => ({ question: `question ${n}`, answer: n }))
    const datasets = await open({ train: fileOf('many.jsonl', lines(many)) })
    for (const n of [0, 1, 777, 1_998, 1_999]) {
      expect(await datasets.find({ question: `question ${n}` })).toMatchObject([{ index: n }])
    }
  })

  it('serve the file that was opened after another one has taken its name', async () => {
    const path = fileOf('replaced.jsonl', lines(rows))
    const { splits } = await open({ train: path })
    renameSync(fileOf('new.jsonl', lines(rows.toReversed())), path)
    expect(await splits[0]?.row(0)).toMatchObject({ item: rows[0] })
  })

  it('refuse to read a file that was written to since', async () => {
    const path = fileOf('written.jsonl', lines(rows))
    const { splits } = await open({ train: path })
    writeFileSync(path, lines(rows.toReversed().slice(1)))
    await expect(splits[0]?.row(0)).rejects.toMatchObject({ status: 500, code: 'dataset_changed' })
  })

  it.each([
    ['JSON that is torn', '{"question":"a","answer":"secret-1', 'line 2, is not JSON'],
    ['a list', '[1]', 'line 2, is JSON, but not an object'],
    [
      'a row without its reference',
      '{"question":"a"}',
      'line 2, does not fit the environment: item.answer: is missing',
    ],
    ['a number beyond all', '{"question":"a","answer":1e999}', 'line 2, cannot be used: a number in it is beyond'],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'line 2, is not UTF-8'],
  ])('are refused with %s, with the variable, the split, the file and the line', async (_, second, problem) => {
    const path = fileOf('bad.jsonl', Buffer.concat([Buffer.from(lines(rows.slice(0, 1))), Buffer.from(second)]))
    const message = await problemOf({ test: path })
    expect(message).toContain(`DATASETS: the split "test" cannot be served: ${path}, ${problem}`)
    expect(message).not.toContain('secret-1')
  })

  it('are refused when a file is missing, empty or damaged, by its own name', async () => {
    expect(await problemOf({ train: join(folder, 'none.jsonl') })).toMatch(
      /^DATASETS: the split "train".*ENOENT.*none\.jsonl/,
    )
    expect(await problemOf({ train: fileOf('empty.jsonl', '\n\n') })).toContain('empty.jsonl has no rows')
    const torn = fileOf('damaged.gz', gzipSync(text).subarray(0, 40))
    expect(await problemOf({ train: torn })).toContain('damaged.gz is a truncated or damaged gzip file')
    const unfit = fileOf('unfit.gz', gzipSync(lines([...rows, {}])))
    expect(await problemOf({ train: unfit })).toContain(`${unfit}, line 4, does not fit`)
  })
})
