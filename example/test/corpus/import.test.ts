import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { findDocument } from '../../../schema/document-queries.ts'
import { readIndex } from '../../../schema/live-pages.ts'
import { searchPages } from '../../../schema/search.ts'
import { readStatus } from '../../corpus/finish.ts'
import { importFiles } from '../../corpus/import.ts'
import { emptyCorpus, loadPages } from '../../corpus/load.ts'
import { countOrigins } from '../../corpus/origins.ts'
import { createCorpus } from '../support/corpus.ts'

let corpus: Awaited<ReturnType<typeof createCorpus>>
let folder: string
const file = async (name: string, content: string | Buffer) => {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}
const lines = (records: readonly unknown[]) => records.map((each) => `${JSON.stringify(each)}\n`).join('')
const take = (...files: string[]) => importFiles(corpus.db, { files })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scorekeeper-import-'))
  corpus = await createCorpus([])
})
beforeEach(() => emptyCorpus(corpus.db))
afterAll(async () => {
  await corpus.drop()
  await rm(folder, { recursive: true })
})

const texts = { pre_text: ['Revenue rose .', 'The table says how much .'], post_text: ['It may fall .'] }
const table = [
  ['', '2014', '2013'],
  ['revenue', '12', '11'],
]
const finqa = [
  {
    id: 'a-1',
    filename: 'OAK/2014/page_3.pdf',
    ...texts,
    table,
    qa: { question: 'growth ?', answer: '9.1%', exe_ans: 0.0909 },
  },
  { id: 'a-2', filename: 'OAK/2014/page_3.pdf', ...texts, table, qa: { question: 'sum ?', answer: '', exe_ans: 23 } },
  {
    id: 'b-1',
    filename: 'ELM/2012/page_8.pdf',
    ...texts,
    table: [],
    qa: { question: 'up ?', answer: 'yes', program: 'x' },
  },
]

describe('an import', () => {
  it('reads FinQA’s own JSON and merges records about the same page', async () => {
    const done = await take(await file('train.json', JSON.stringify(finqa, null, 2)))
    expect(done).toMatchObject({ added: 2, changed: 0, unchanged: 0, repeated: 1, removed: 0, skipped: [] })
    expect([...done.questions.values()].flat()).toEqual([
      { id: 'a-1', question: 'growth ?', reference_answer: '9.1%', gold_path: 'OAK/2014/page_3.pdf' },
      { id: 'a-2', question: 'sum ?', reference_answer: '23', gold_path: 'OAK/2014/page_3.pdf' },
      { id: 'b-1', question: 'up ?', reference_answer: 'yes', gold_path: 'ELM/2012/page_8.pdf' },
    ])
    expect(await findDocument(corpus.db, 'OAK/2014/page_3.pdf')).toEqual({
      path: 'OAK/2014/page_3.pdf',
      title: 'Revenue rose .',
      before: texts.pre_text,
      table,
      after: texts.post_text,
    })
    expect((await searchPages(corpus.db, { query: 'revenue 2014' }))[0]?.page.path).toBe('OAK/2014/page_3.pdf')
  })

  it('reads JSON Lines of pages and questions, plain and gzipped, regardless of file names', async () => {
    const pages = await file('pages', gzipSync(lines([{ path: 'OAK/2014/p', ...texts, table }])))
    const asked = { id: 'q', question: 'growth?', reference_answer: '9.1%', gold_path: 'OAK/2014/p', program: 'x' }
    const row = { messages: [{ role: 'user', content: 'which?' }], reference_answer: 7 }
    const questions = await file('questions.gz', `\uFEFF${lines([asked])}\r\n\n${JSON.stringify(row)}`)
    const done = await take(pages, questions)
    expect(done).toMatchObject({ added: 1, skipped: [] })
    expect(done.questions.get(questions)).toEqual([
      { id: 'q', question: 'growth?', reference_answer: '9.1%', gold_path: 'OAK/2014/p' },
      { id: 'questions.gz line 4', question: 'which?', reference_answer: '7' },
    ])
  })

  it('skips questions whose pages are missing, and reports how many and where', async () => {
    const asked = (id: string, gold_path: string) => ({ id, question: 'growth?', reference_answer: '9.1%', gold_path })
    const qa = { question: 'sum ?', answer: '23' }
    const records = [
      { id: 'bad', filename: '/OAK/2014/p', ...texts, table, qa },
      { id: 'good', filename: 'OAK/2014/p', ...texts, table, qa },
      { id: 'other', filename: 'OAK/2014/p', pre_text: ['Another report .'], table, qa },
      asked('there', 'OAK/2014/p'),
      asked('away', 'OAK/2013/p'),
    ]
    const done = await take(await file('placed.jsonl', lines(records)))
    expect([...done.questions.values()].flat().map(({ id }) => id)).toEqual(['good', 'there'])
    expect(done.skipped.map(({ reason, count, where }) => `${count} ${reason}: ${where.join(', ')}`)).toEqual([
      '1 a path that is not like ACME/2014/page_15: line 1',
      '1 a question whose own page was left out: line 1',
      '1 different content for an earlier page, with its question: line 3',
      '1 a question about a page that is not in the database: line 5',
    ])
  })

  it('removes fictional pages when it stores the first page, unless mixing is enabled', async () => {
    const fictional = [{ path: 'ACME/2014/p', pre_text: ['made up'], table: [], post_text: [] }]
    const pages = await file('real.jsonl', lines([{ path: 'OAK/2014/p', ...texts, table }]))
    const question = { question: 'up?', reference_answer: '1', gold_path: 'ACME/2014/p' }
    await loadPages(corpus.db, fictional, 'generated')
    expect(await take(await file('asked.jsonl', lines([question])))).toMatchObject({ removed: 0, skipped: [] })
    expect(await importFiles(corpus.db, { files: [pages], mix: true })).toMatchObject({ removed: 0 })
    expect(await countOrigins(corpus.db)).toEqual({ generated: 1, imported: 1 })
    expect(await take(pages)).toMatchObject({ removed: 1, unchanged: 1 })
    expect(await readStatus(corpus.db)).toMatchObject({ pages: 1, index: { current: true } })
  })

  it('reports what it skipped, where and why, and imports the rest', async () => {
    const path = await file(
      'mixed.jsonl',
      [
        '{"path":"OAK/2014/p","pre_text":["good"]}',
        'nonsense',
        '{"path":"/x","table":[["a"]]}',
        '{"path":"OAK/2014/p","pre_text":["other"]}',
        '{"path":"OAK/2015/p","table":"no table"}',
        '{"path":"OAK/2016/p","pre_text":[" "]}',
        '{"table":[["a"]]}',
        '{"question":"what?","gold_path":"OAK/2014/p"}',
        '[]',
        '{"unknown":true}',
        '{"path":7}',
        JSON.stringify({ path: 'OAK/2017/p', pre_text: ['long '.repeat(100_000)] }),
        '{"path":"OAK/2018/p","pre_text":["good"],"qa":{"question":5}}',
        'more nonsense',
      ].join('\n'),
    )
    const done = await take(path)
    expect(done.added).toBe(2)
    expect(done.skipped.map(({ reason, count, where }) => `${count} ${reason}: ${where.join(', ')}`)).toEqual([
      '2 not JSON: line 2, line 14',
      '1 a path that is not like ACME/2014/page_15: line 3',
      '1 different content for an earlier page: line 4',
      '1 a page of another shape: table: line 5',
      '1 a page with nothing on it: line 6',
      '1 a page without a path: line 7',
      '1 a question without an answer: line 8',
      '1 a field of the wrong type: the record itself: line 9',
      '1 neither a page nor a question: line 10',
      '1 a field of the wrong type: path: line 11',
      '1 a page of more than 300,000 characters: line 12',
      '1 a question of another shape: qa.question: line 13',
    ])
  })

  it('keeps text except for the characters that Postgres cannot store', async () => {
    const path = await file(
      'odd.jsonl',
      '{"path":"OAK/2014/p","pre_text":["a\\u0000b \\ud800 c"],"table":[["x\\u0000",null,5]]}',
    )
    expect((await take(path)).added).toBe(1)
    const document = await findDocument(corpus.db, 'OAK/2014/p')
    expect(document?.before).toEqual(['a\u{FFFD}b \u{FFFD} c'])
    expect(document?.table).toEqual([['x\u{FFFD}', '', '5']])
  })

  it('changes nothing the second time', async () => {
    const path = await file('again.jsonl', lines([{ path: 'OAK/2014/p', ...texts, table }]))
    await take(path)
    const before = await readIndex(corpus.db)
    expect(await take(path)).toMatchObject({ added: 0, changed: 0, unchanged: 1 })
    expect(await readIndex(corpus.db)).toMatchObject({ current: true, model: before?.model })
  })

  it('stores a changed page, which search finds by its new words', async () => {
    await take(await file('one.jsonl', lines([{ path: 'OAK/2014/p', pre_text: ['about herrings'] }])))
    const done = await take(await file('two.jsonl', lines([{ path: 'OAK/2014/p', pre_text: ['about salmon'] }])))
    expect(done).toMatchObject({ added: 0, changed: 1, unchanged: 0 })
    expect(await searchPages(corpus.db, { query: 'herrings' })).toEqual([])
    expect(await searchPages(corpus.db, { query: 'salmon' })).toHaveLength(1)
  })

  it('adds to existing pages, or replaces them', async () => {
    const one = await file('one.jsonl', lines([{ path: 'OAK/2014/p', pre_text: ['one'] }]))
    const two = await file('two.jsonl', lines([{ path: 'ELM/2014/p', pre_text: ['two'] }]))
    await take(one)
    await take(two)
    expect(await readStatus(corpus.db)).toMatchObject({ pages: 2, companies: 2 })
    await importFiles(corpus.db, { files: [await file('none.jsonl', '{}')], replace: true })
    expect(await readStatus(corpus.db)).toMatchObject({ pages: 2 })
    await importFiles(corpus.db, { files: [two], replace: true })
    expect(await readStatus(corpus.db)).toMatchObject({ pages: 1, index: { current: true } })
  })

  it('names a file that cannot be read, and keeps the files before it', async () => {
    const good = await file('good.jsonl', lines([{ path: 'OAK/2014/p', pre_text: ['one'] }]))
    await expect(take(good, join(folder, 'missing.json'))).rejects.toThrow(/missing\.json: .*no such file/)
    const packed = gzipSync(
      lines(Array.from({ length: 500 }, (_, at) => ({ path: `P/${at}/p`, pre_text: [`x${at ** 3}`] }))),
    )
    const cut = await file('cut.jsonl.gz', packed.subarray(0, packed.length - 200))
    await expect(take(cut)).rejects.toThrow('cut.jsonl.gz is a truncated or damaged gzip file: unexpected end of file')
    const broken = await file('broken.json', '[{"path":"A/1/p"},')
    await expect(take(broken)).rejects.toThrow('broken.json: ')
    expect((await readStatus(corpus.db)).pages).toBeGreaterThan(100)
  })
})
