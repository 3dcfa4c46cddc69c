import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readIndex } from '../../../schema/live-pages.ts'
import { searchPages, signsOf } from '../../../schema/search.ts'
import { createEmbed } from '../../../src/runtime/embeddings.ts'
import { type EmbeddingsEndpoint, serveEmbeddings } from '../../../test/support/embeddings.ts'
import { search } from '../../../tools/search.ts'
import { finishCorpus } from '../../corpus/finish.ts'
import { loadPages } from '../../corpus/load.ts'
import { randomOf } from '../../corpus/random.ts'
import { callTool, createCorpus, page } from '../support/corpus.ts'

/** A model of two topics, flying and lending, that knows words which the pages do not use. */
const thoughts = [/\b(airline|aircraft|plane|jet|fleet)s?\b/gi, /\b(loan|credit|bank|mortgage)s?\b/gi]
const vectorOf = (text: string) => [...thoughts.map((words) => text.match(words)?.length ?? 0), 0.1]

let endpoint: EmbeddingsEndpoint
let refusing = false
let corpus: Awaited<ReturnType<typeof createCorpus>>
const embed = () => createEmbed({ url: endpoint.url, model: 'two-thoughts', pauseMs: 1, attempts: 2 })
const finish = (model = 'two-thoughts') =>
  finishCorpus(corpus.db, { vectors: { embed: embed(), model }, onProgress() {} })

beforeAll(async () => {
  endpoint = await serveEmbeddings(vectorOf, () => (refusing ? { status: 500 } : undefined))
  corpus = await createCorpus([
    page('FLY/2014/page_1', 'Aircraft of the fleet are depreciated over 25 years.'),
    page('FLY/2014/page_2', 'Landing fees rose in 2014.'),
    page('BNK/2014/page_1', 'Mortgage loans grew, and other credit did.'),
    page('BNK/2014/page_2', 'Branches were closed.'),
  ])
})
afterAll(async () => {
  await corpus.drop()
  await endpoint.close()
})

describe('hybrid search', () => {
  it('is lexical while the index has no vectors, even if an endpoint is configured', async () => {
    expect(await callTool(search, { query: 'jets' }, corpus, embed())).toContain('no page has any of these words')
  })

  it('keeps the vectors of an import that failed at the endpoint, and stays lexical', async () => {
    refusing = true
    await expect(finish()).rejects.toThrow('no embeddings from')
    refusing = false
    expect((await readIndex(corpus.db))?.model).toBeNull()
    await expect(finish()).resolves.toBe(true)
    expect(await readIndex(corpus.db)).toMatchObject({ model: 'two-thoughts', dimensions: 3, current: true })
  })

  it('finds a page by meaning if it has none of the words', async () => {
    const output = await callTool(search, { query: 'jets' }, corpus, embed())
    expect(output.split('\n')[0]).toBe('1. FLY/2014/page_1')
    expect((await callTool(search, { query: 'banks' }, corpus, embed())).split('\n')[0]).toBe('1. BNK/2014/page_1')
  })

  it('ranks a page found by both rankings above a page found by one', async () => {
    const [first] = await searchPages(corpus.db, { query: 'loans and landing', vector: vectorOf('bank') })
    expect(first?.page.path).toBe('BNK/2014/page_1')
  })

  it('stays lexical if no endpoint is configured', async () => {
    expect(await callTool(search, { query: 'jets' }, corpus)).toContain('no page has any of these words')
  })

  it('fails instead of ranking differently when the endpoint is unavailable', async () => {
    refusing = true
    await expect(callTool(search, { query: 'jets' }, corpus, embed())).rejects.toThrow('no embeddings from')
    refusing = false
  })

  it('fails on a vector of another model', async () => {
    await expect(searchPages(corpus.db, { query: 'jets', vector: [1, 0] })).rejects.toThrow('has 2 dimensions')
    await expect(searchPages(corpus.db, { query: 'jets', vector: [1, 0, Number.NaN] })).rejects.toThrow('dimensions')
  })

  it('embeds only changed pages, and all of them for another model', async () => {
    const before = endpoint.requests.length
    await expect(finish()).resolves.toBe(false)
    expect(endpoint.requests).toHaveLength(before)
    await loadPages(corpus.db, [page('FLY/2014/page_2', 'Landing fees fell in 2014.')])
    await expect(finish()).resolves.toBe(true)
    expect(endpoint.requests.slice(before).map(({ texts }) => texts.length)).toEqual([1])
    await expect(finish('another')).resolves.toBe(true)
    expect(endpoint.requests.at(-1)?.texts).toHaveLength(4)
    expect((await readIndex(corpus.db))?.model).toBe('another')
  })

  it('preselects nearly all of the best pages by signs, without pgvector', async () => {
    const random = randomOf('vectors')
    const dimensions = 256
    const draw = () => Array.from({ length: dimensions }, () => random.next() + random.next() - 1)
    const unit = (vector: number[]) => vector.map((x) => x / Math.hypot(...vector))
    const topics = Array.from({ length: 20 }, draw)
    const around = (topic: number[]) => unit(draw().map((x, at) => x + (topic[at] ?? 0)))
    await loadPages(
      corpus.db,
      Array.from({ length: 1_500 }, (_, at) => page(`VEC/2014/page_${at}`, `vector ${at}`)),
    )
    await finishCorpus(corpus.db, { onProgress() {} })
    const rows = await corpus.db.execute<{ id: number; path: string }>(sql`select id, path from pages`)
    const vectors = new Map(rows.map(({ id, path }) => [path, { id, vector: around(topics[id % 20] ?? []) }]))
    const values = [...vectors.values()].map(
      ({ id, vector }) => sql`(${id}::int, 'm', 'h', ${`{${vector.join()}}`}::real[], ${signsOf(vector)}::bit varying)`,
    )
    await corpus.db.execute(sql`truncate page_vectors`)
    await corpus.db.execute(sql`
      insert into page_vectors (page_id, model, text_hash, vector, signs) values ${sql.join(values, sql`, `)}`)
    await corpus.db.execute(sql`update search_index set model = 'm', dimensions = ${dimensions}, pgvector = false`)
    let kept = 0
    for (const topic of topics) {
      const query = around(topic)
      const exact = [...vectors]
        .map(([path, { vector }]) => ({ path, nearness: vector.reduce((sum, x, at) => sum + x * (query[at] ?? 0), 0) }))
        .sort((a, b) => b.nearness - a.nearness)
        .slice(0, 10)
        .map(({ path }) => path)
      const found = (await searchPages(corpus.db, { query: 'xylophone', vector: query })).map(({ page }) => page.path)
      kept += exact.filter((path) => found.includes(path)).length
    }
    expect(kept / (topics.length * 10)).toBeGreaterThan(0.95)
  })
})
