import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { searchPages } from '../../../schema/search.ts'
import { type Database, openDatabase } from '../../../src/postgres/database.ts'
import { search } from '../../../tools/search.ts'
import { loadPages } from '../../corpus/load.ts'
import { callTool, createCorpus, page } from '../support/corpus.ts'

let corpus: Awaited<ReturnType<typeof createCorpus>>
let replicas: readonly Database[]
const pathsFor = async ({ db }: Pick<Database, 'db'>, query: string) =>
  (await searchPages(db, { query })).map((hit) => hit.page.path)
const everywhere = (query: string) => Promise.all(replicas.map((replica) => pathsFor(replica, query)))

beforeAll(async () => {
  corpus = await createCorpus([page('OAK/2014/page_1', 'About herrings.'), page('OAK/2014/page_2', 'About cod.')])
  replicas = [corpus, openDatabase({ url: corpus.url, poolSize: 2 })]
  await everywhere('herrings')
})
afterAll(async () => {
  await replicas[1]?.close()
  await corpus.drop()
})

describe('search, after pages changed in Postgres', () => {
  it('finds an imported page at once, on every replica', async () => {
    await loadPages(corpus.db, [page('ELM/2015/page_1', 'About salmon.')])
    expect(await everywhere('salmon')).toEqual([['ELM/2015/page_1'], ['ELM/2015/page_1']])
  })

  it('finds and shows what any statement changed', async () => {
    await corpus.sql`update pages set text_before = 'About pikes.' where path = 'OAK/2014/page_1'`
    expect(await everywhere('herrings')).toEqual([[], []])
    expect(await callTool(search, { query: 'pikes' }, corpus)).toBe(
      '1. OAK/2014/page_1\n   About herrings.\n   About pikes.',
    )
    await corpus.sql`delete from pages where path = 'OAK/2014/page_1'`
    expect(await everywhere('pikes')).toEqual([[], []])
  })

  it('sees a change when it commits, not before', async () => {
    const reserved = await corpus.sql.reserve()
    await reserved`begin`
    await reserved`insert into pages (path, company, title, text_before, table_rows, text_after)
      values ('ASH/page_1', 'ASH', 'Trout', 'About trout.', '[]', '')`
    expect(await everywhere('trout')).toEqual([[], []])
    await reserved`commit`
    reserved.release()
    expect(await everywhere('trout')).toEqual([['ASH/page_1'], ['ASH/page_1']])
  })

  it('answers many searches that wait for one load', async () => {
    await loadPages(corpus.db, [page('ELM/2015/page_2', 'About eels.')])
    const found = await Promise.all(Array.from({ length: 50 }, () => everywhere('eels')))
    expect(found.flat(2)).toEqual(Array.from({ length: 100 }, () => 'ELM/2015/page_2'))
  })

  it('sees a change that commits while an earlier load runs', async () => {
    const reserved = await corpus.sql.reserve()
    await loadPages(corpus.db, [page('ELM/2015/page_3', 'About carp.')])
    await reserved`begin`
    await reserved`lock table pages in access exclusive mode`
    const [replica] = replicas.slice(1)
    if (replica === undefined) throw new Error('there is a second replica')
    const earlier = pathsFor(replica, 'carp')
    // The load has its snapshot, and waits for the pages.
    await expect
      .poll(() => corpus.sql`select from pg_locks where not granted and relation = 'pages'::regclass`)
      .toHaveLength(1)
    await reserved`insert into pages (path, company, title, text_before, table_rows, text_after)
      values ('ASH/page_2', 'ASH', 'Tench', 'About tench.', '[]', '')`
    await reserved`commit`
    reserved.release()
    expect(await pathsFor(replica, 'tench')).toEqual(['ASH/page_2'])
    expect(await earlier).toEqual(['ELM/2015/page_3'])
  })

  it('fails instead of finding nothing when a load fails, and recovers', async () => {
    await corpus.sql`update pages set table_rows = '7' where path = 'OAK/2014/page_2'`
    for (const replica of replicas) await expect(pathsFor(replica, 'cod')).rejects.toThrow()
    await corpus.sql`update pages set table_rows = '[]' where path = 'OAK/2014/page_2'`
    expect(await everywhere('cod')).toEqual([['OAK/2014/page_2'], ['OAK/2014/page_2']])
  })

  it('finds nothing in an empty table', async () => {
    await corpus.db.execute(sql`delete from pages`)
    expect(await everywhere('cod')).toEqual([[], []])
  })
})
