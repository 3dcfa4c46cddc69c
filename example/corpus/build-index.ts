import { sql } from 'drizzle-orm'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import { searchPages } from '../../schema/documents.ts'
import { wordsOf } from '../../schema/search-grams.ts'
import type { OnProgress } from './progress.ts'

/**
 * How a page's text becomes weights. `k1` and `b` are BM25's; a word in the table counts as `table` in the prose. From
 * `allPairs` pages on, pairs of words that only one page has are left out: they are three quarters of all terms and find
 * next to nothing.
 */
const bm25 = { k1: 1.2, b: 0.5, table: 4, allPairs: 500 }

/** When a word identifies a company: how many and which share of its pages have it, and how rare it is on others. */
const distinctive = { pages: 3, ofItsPages: 0.2, ofTheWord: 0.3, againstOthers: 0.9 }

const pagesAtOnce = 200

/**
 * Builds the search index from the pages in one transaction; searches use the previous index meanwhile.
 *
 * BM25 as in Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with Lucene's
 * idf, which is never negative.
 */
export async function buildIndex(db: PostgresJsDatabase, onProgress: OnProgress): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(7720333)`)
    await tx.execute(sql`set local work_mem = '192MB'`)
    await tx.execute(sql`set local jit = off`)
    await tx.execute(sql`delete from search_pages`)
    await tx.execute(
      sql`insert into search_pages (page_id, path, company, year) select id, path, company, year from pages`,
    )
    await tx.execute(sql`
      create temporary table staged (page_id integer not null, term text not null, frequency real not null)
      on commit drop`)

    const listed = await tx.select({ id: searchPages.pageId }).from(searchPages).orderBy(searchPages.pageId)
    const ids = listed.map(({ id }) => id)
    for (let start = 0; start < ids.length; start += pagesAtOnce) {
      onProgress({ stage: 'index', done: start, total: ids.length })
      const batch = ids.slice(start, start + pagesAtOnce)
      await tx.execute(sql`
        insert into staged
        with words as materialized (
          select id as page_id, field.weight, found.word, found.position
          from pages,
            lateral (values
              (1, text_before || E'\\n' || text_after),
              (${bm25.table}::int, (
                select string_agg(cell, ' ')
                from jsonb_array_elements(table_rows) as line, jsonb_array_elements_text(line) as cell
              ))
            ) as field(weight, body),
            lateral ${wordsOf(sql`field.body`)} as found
          where id between ${batch[0] ?? 0}::int and ${batch.at(-1) ?? 0}::int
        ),
        grams as (
          select page_id, weight, word as term from words
          union all
          select page_id, weight, lag(word) over (partition by page_id, weight order by position) || ' ' || word
          from words
        )
        select page_id, term, sum(weight) from grams where term is not null group by page_id, term`)
    }
    onProgress({ stage: 'index', done: ids.length, total: ids.length })

    await tx.execute(sql`delete from search_terms`)
    await tx.execute(sql`
      insert into search_terms (term, idf, page_ids, weights)
      with lengths as (select page_id, sum(frequency) as length from staged group by page_id),
      factors as (
        select page_id, ${bm25.k1}::real * (1 - ${bm25.b}::real + ${bm25.b}::real * length / avg(length) over ()) as k
        from lengths
      ),
      size as (select count(*)::real as pages from search_pages)
      select term, ln(1 + (pages - count(*) + 0.5) / (count(*) + 0.5)), array_agg(page_id),
        array_agg((frequency * (1 + ${bm25.k1}::real) / (frequency + k))::real)
      from staged join factors using (page_id), size
      group by term, pages
      having count(*) > 1 or strpos(term, ' ') = 0 or pages < ${bm25.allPairs}::int`)

    await tx.execute(sql`delete from company_terms`)
    await tx.execute(sql`
      insert into company_terms (term, company, strength)
      with sizes as (select company, count(*)::real as pages from search_pages where company <> '' group by company),
      counts as (
        select term, company, count(*)::real as found
        from staged join search_pages using (page_id)
        where company <> ''
        group by term, company
        having count(*) >= ${distinctive.pages}
      ),
      shares as (
        select term, company,
          found / sizes.pages as of_its_pages,
          found / cardinality(page_ids) as of_the_word,
          (cardinality(page_ids) - found) / greatest((select sum(pages) from sizes) - sizes.pages, 1) as of_other_pages
        from counts join sizes using (company) join search_terms using (term)
      )
      select term, company, of_its_pages * of_the_word
      from shares
      where of_its_pages >= ${distinctive.ofItsPages}::real and of_the_word >= ${distinctive.ofTheWord}::real
        and of_its_pages / (of_its_pages + of_other_pages) >= ${distinctive.againstOthers}::real`)

    await tx.execute(sql`delete from search_index`)
    await tx.execute(sql`
      insert into search_index (pages, terms, current)
      select (select count(*) from search_pages), (select count(*) from search_terms), true`)
  })
  await db.execute(sql`vacuum analyze search_terms, search_pages, company_terms`)
}
