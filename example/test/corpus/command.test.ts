import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { searchPages } from '../../../schema/search.ts'
import { serveEmbeddings } from '../../../test/support/embeddings.ts'
import { compiled } from '../../../test/support/scorekeeper.ts'
import { readStatus } from '../../corpus/finish.ts'
import { generateCorpus } from '../../corpus/generate.ts'
import { emptyCorpus } from '../../corpus/load.ts'
import { createCorpus } from '../support/corpus.ts'

let corpus: Awaited<ReturnType<typeof createCorpus>>
let folder: string

beforeAll(async () => {
  corpus = await createCorpus([])
  folder = await mkdtemp(join(tmpdir(), 'scorekeeper-corpus-'))
})
afterAll(async () => {
  await corpus.drop()
  await rm(folder, { recursive: true })
})

function start(script: readonly string[], args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const process = spawn(globalThis.process.execPath, [...script, ...args], {
    env: {
      PATH: globalThis.process.env['PATH'],
      DATABASE_URL: corpus.url,
      DATA_DIR: folder,
      NODE_ENV: 'production',
      ...env,
    },
  })
  let out = ''
  let err = ''
  process.stdout.on('data', (chunk) => (out += chunk))
  process.stderr.on('data', (chunk) => (err += chunk))
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    process.on('close', (code) => resolve({ code, out, err })),
  )
  return { process, ended }
}
const program = [compiled('example/corpus/main.js')]
const run = (...args: string[]) => start(program, args).ended

describe('npm run corpus', { timeout: 90_000 }, () => {
  it('generates once, changes nothing the second time, and writes questions whose pages search finds', async () => {
    const first = await run('generate', '--pages', '200')
    expect(first).toMatchObject({ code: 0 })
    expect(first.out).toContain('200 pages (200 new, 0 changed, 0 unchanged)')
    const second = await run('generate', '--pages', '200')
    expect(second.out).toContain('all 200 pages exist, in')
    expect((await run('status')).out).toMatch(
      /^200 pages of 10 companies in the Postgres at .+\n200 fictional, 0 imported\nsearch: lexical$/m,
    )

    const rows = (await readFile(join(folder, 'generated-train.jsonl'), 'utf8')).trim().split('\n')
    const row = JSON.parse(rows[0] ?? '')
    expect(row).toMatchObject({
      messages: [{ role: 'developer' }, { role: 'user', content: expect.stringMatching(/\?$/) }],
      reference_answer: expect.any(String),
      gold_path: expect.stringMatching(/^[A-Z]+\/\d{4}\/page_\d+$/),
    })
    expect(row.tools.map((tool: { function: { name: string } }) => tool.function.name)).toEqual([
      'search',
      'list',
      'cat',
    ])
    const bench = await start(['--import', 'tsx', 'bench/main.ts'], ['search', join(folder, 'generated-dev.jsonl')])
      .ended
    expect(bench.out).toMatch(/recall@1 0\.\d{3} {3}recall@5 0\.\d{3} {3}recall@10 \d\.\d{3} {3}MRR@10 0\.\d{3}/)
    expect(bench.out).toMatch(/ranking +p50 \d+\.\d+ ms +p99 \d+\.\d+ ms/)
  })

  it('resumes after a kill', async () => {
    await emptyCorpus(corpus.db)
    const { pages } = generateCorpus({ pages: 1_200 })
    const file = join(folder, 'pages.jsonl.gz')
    await writeFile(file, gzipSync(pages.map((page) => JSON.stringify(page)).join('\n')))
    const first = start(program, ['import', file])
    for (let count = 0; count === 0; await sleep(5)) {
      const [row] = await corpus.db.execute<{ count: number }>(sql`select count(*)::int as count from pages`)
      count = row?.count ?? 0
    }
    first.process.kill('SIGKILL')
    await first.ended
    const left = await readStatus(corpus.db)
    expect(left.index).toBeUndefined()
    await expect(searchPages(corpus.db, { query: 'goodwill' })).rejects.toThrow('not imported yet')

    const second = await run('import', file)
    expect(second).toMatchObject({ code: 0 })
    const [, added, unchanged] = /\((\d+) new, 0 changed, (\d+) unchanged\)/.exec(second.out) ?? []
    expect(Number(unchanged)).toBeGreaterThanOrEqual(left.pages)
    expect(Number(added) + Number(unchanged)).toBe(1_200)
    expect(await readStatus(corpus.db)).toMatchObject({ pages: 1_200, index: { current: true } })
    expect(await searchPages(corpus.db, { query: 'goodwill' })).toHaveLength(10)
  })

  it('reports what it skipped, and writes the questions as a dataset', async () => {
    await emptyCorpus(corpus.db)
    const file = join(folder, 'some.json')
    const qa = { question: 'how many?', answer: '7' }
    await writeFile(
      file,
      JSON.stringify([{ filename: 'NEW/2010/page_1.pdf', pre_text: ['seven'], table: [], post_text: [], qa }, 5]),
    )
    const { out } = await run('import', file)
    expect(out).toContain(`skipped 1 of ${file}: a field of the wrong type: the record itself (record 2)`)
    expect(out).toContain(`1 questions in ${join(folder, 'some.jsonl')}`)
    expect(JSON.parse(await readFile(join(folder, 'some.jsonl'), 'utf8'))).toMatchObject({
      messages: [{}, { role: 'user', content: 'how many?' }],
      reference_answer: '7',
      gold_path: 'NEW/2010/page_1.pdf',
    })
  })

  it('mixes fictional and imported pages only with --mix', async () => {
    await emptyCorpus(corpus.db)
    const file = join(folder, 'real.jsonl')
    await writeFile(file, '{"path":"NEW/2010/page_1","pre_text":["seven"]}')
    await run('generate', '--pages', '20')
    const alone = await run('import', file)
    expect(alone.out).toContain('removed 20 pages of the fictional corpus first; --mix keeps them')
    const refused = await run('generate', '--pages', '20')
    expect(refused.code).toBe(1)
    expect(refused.err).toMatch(
      /^corpus: the Postgres at .* has 1 page from an import, .*use --replace .*, --mix to keep both/,
    )
    expect((await run('generate', '--pages', '20', '--mix')).code).toBe(0)
    expect((await run('import', file, '--mix')).out).toContain('MIXED: 20 pages are fictional and 1 are imported')
    expect((await run('generate', '--pages', '20', '--replace')).code).toBe(0)
    expect((await run('status')).out).toContain('20 fictional, 0 imported')
  })

  it('exits with 1 and explains why if no record could be used', async () => {
    const file = join(folder, 'useless.jsonl')
    await writeFile(file, '{"path":"/NEW/page_1","pre_text":["seven"],"question":"how many?","reference_answer":"7"}')
    const { code, out, err } = await run('import', file)
    expect(code).toBe(1)
    expect(err).toContain('corpus: no record in these files could be used; see above')
    expect(out).toContain(`skipped 1 of ${file}: a path that is not like ACME/2014/page_15 (line 1)`)
    expect(out).toContain(`skipped 1 of ${file}: a question whose own page was left out (line 1)`)
    expect(existsSync(join(folder, 'useless-2.jsonl'))).toBe(false)
  })

  it('computes vectors if an endpoint is configured, and search is hybrid', async () => {
    await emptyCorpus(corpus.db)
    const endpoint = await serveEmbeddings(
      (text) => [text.length, 1, 0],
      (request) => (request === 1 ? { status: 503 } : undefined),
    )
    const file = join(folder, 'few.jsonl')
    await writeFile(file, '{"path":"NEW/2010/page_1","pre_text":["seven"]}')
    const { out, err } = await start(program, ['import', file], {
      EMBEDDINGS_URL: endpoint.url,
      EMBEDDINGS_MODEL: 'lengths',
    }).ended
    await endpoint.close()
    expect(err).toContain('embedding')
    expect(out).toMatch(/search: hybrid, vectors of 3 dimensions by lengths, compared (?:without|by) pgvector/)
  })

  it('explains what is wrong with a command and exits with 1', async () => {
    expect(await run('reticulate')).toMatchObject({ code: 1, err: "error: unknown command 'reticulate'\n" })
    expect(await run('import')).toMatchObject({ code: 1, err: "error: missing required argument 'files'\n" })
    expect(await run('generate', '--seed', 'x')).toMatchObject({
      code: 1,
      err: expect.stringContaining("'x' is invalid"),
    })
    expect((await run('import', join(folder, 'none'))).err).toContain(`${join(folder, 'none')}: ENOENT`)
    expect((await run()).err).toContain('import [options] <files...>')
  })

  it('prints the result as JSON', async () => {
    await emptyCorpus(corpus.db)
    const program = (...args: string[]) => start([compiled('example/corpus/main.js')], args).ended
    expect((await program('generate', '--pages', '20')).code).toBe(0)
    expect((await program('status')).out).toContain('20 fictional, 0 imported')
    const report = JSON.parse((await program('generate', '--pages', '20', '--json')).out)
    expect(report).toMatchObject({
      pages: { added: 0, changed: 0, unchanged: 20 },
      there: { pages: 20, generated: 20, imported: 0 },
      index: { current: true, model: null },
    })
    expect(report.datasets).toHaveLength(2)
    expect(JSON.parse((await program('status', '--json')).out)).toMatchObject({
      there: report.there,
      where: report.where,
    })
    const file = join(folder, 'none')
    expect(await program('import', file)).toMatchObject({ code: 1, err: expect.stringContaining(`${file}: ENOENT`) })
    expect((await program('reticulate')).code).toBe(1)
    expect((await program('generate', '--seed', 'x')).code).toBe(1)
  })
})

describe('search over the pages of the real dataset, or as many generated ones', { timeout: 90_000 }, () => {
  const real = '../shared/finqa'
  it('ranks the right page first for nearly half of the questions, and in the top ten for four of five', async () => {
    await emptyCorpus(corpus.db)
    const isReal = existsSync(join(real, 'corpus.jsonl.gz'))
    const done = isReal ? await run('import', join(real, 'corpus.jsonl.gz')) : await run('generate')
    expect(done.code).toBe(0)
    const questions = isReal ? join(real, 'items_dev.jsonl.gz') : join(folder, 'generated-dev.jsonl')
    const { out } = await start(['--import', 'tsx', 'bench/main.ts'], ['search', questions]).ended
    const [, first, ten] = /recall@1 (\S+) .*recall@10 (\S+)/.exec(out) ?? []
    expect(Number(first)).toBeGreaterThan(0.45)
    expect(Number(ten)).toBeGreaterThan(0.8)
  })
})
