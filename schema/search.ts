import { type SQL, sql } from 'drizzle-orm'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import { z } from 'zod'
import { wordsOf } from './search-grams.ts'
import { storable } from './storable.ts'

/**
 * The weights of the parts of a score, in units of BM25 (a good page scores 20 to 40). They were tuned on the 4,094
 * training questions of FinQA; its development questions were only used for measuring.
 */
export const ranking = {
  /** A pair of neighbouring words, in addition to the two words, which count 1 each. */
  pair: 0.6,
  /** A word that most questions contain and that does not distinguish pages. */
  commonWord: 0.5,
  /** The stems of these words, from Postgres's English stemmer. */
  commonWords:
    'averag calcul chang combin decreas differ growth increas mani much percent percentag portion rate ratio sum total',
  /** Bonuses by how many years the page's year is after the latest year that the query names. */
  year: { '-1': 1.5, '0': 6, '1': 3.5, '2': 1.5 },
  /** The company that the query names. */
  company: 8,
  /** How many pages, the best by words alone, are ranked by year and company too. */
  considered: 400,
  /** Fusion of two rankings: a page at rank r gets 1 / (fusion + r). */
  fusion: 60,
  /** How many pages of each ranking are fused. */
  fused: 100,
  /** How many pages preselected by signs are compared exactly. */
  compared: 200,
} as const

const hitRow = z.object({ path: z.string(), score: z.number() })

/** A ranked page; a higher `score` is better, and scores of different queries do not compare. */
export type SearchHit = z.output<typeof hitRow>

/** A query. */
export interface SearchQuery {
  readonly query: string
  /** The query's vector from the model of the index; with it, an index with vectors ranks by both. */
  readonly vector?: readonly number[] | undefined
  /** At most this many pages; 10 by default. */
  readonly limit?: number
}

/**
 * Ranks the pages for a query, best first: BM25 over words and pairs of words, with a bonus for the company and the year
 * that the query names. If the query and the index have vectors, that ranking is fused with the one by cosine.
 *
 * @throws Error if the index has not been built, or if the vector's length differs from the index's.
 */
export async function searchPages(
  db: PostgresJsDatabase,
  { query, vector, limit = 10 }: SearchQuery,
): Promise<SearchHit[]> {
  const index = vector === undefined ? undefined : await readIndex(db)
  const ranked =
    vector === undefined || index?.dimensions == null ? lexical(query, limit) : hybrid(query, vector, index, limit)
  const hits = z.array(hitRow).parse([...(await db.execute(ranked))])
  if (hits.length === 0 && (index ?? (await readIndex(db))) === undefined) {
    throw new Error('the search index is not built yet; `npm run corpus -- generate` or `import` builds it')
  }
  return hits
}

const indexRow = z.object({
  pages: z.number(),
  terms: z.number(),
  current: z.boolean(),
  model: z.string().nullable(),
  dimensions: z.number().nullable(),
  pgvector: z.boolean(),
})

/** What the search index covers; `current` is false if pages have changed since it was built. */
export type IndexStatus = z.output<typeof indexRow>

/** Reads the state of the search index; undefined if it was never built. */
export async function readIndex(db: PostgresJsDatabase): Promise<IndexStatus | undefined> {
  const [row] = await db.execute(sql`select pages, terms, current, model, dimensions, pgvector from search_index`)
  return row === undefined ? undefined : indexRow.parse(row)
}

/** The statement that returns `path` and `score` of the best pages by words. */
function lexical(query: string, limit: number): SQL {
  return sql`
    with words as materialized ${wordsOf(sql`${storable(query)}::text`)},
    grams as (
      select term, max(weight) as weight
      from (
        select word as term, case when word = any(string_to_array(${ranking.commonWords}, ' '))
          then ${ranking.commonWord}::real else 1 end as weight
        from words
        union all
        select lag(word) over (order by position) || ' ' || word, ${ranking.pair}::real from words
      ) as all_grams
      where term is not null
      group by term
    ),
    hits as (
      select page_id, sum(grams.weight * idf * hit.weight) as score
      from grams join search_terms using (term), unnest(page_ids, weights) as hit(page_id, weight)
      group by page_id
      order by score desc
      limit ${ranking.considered}
    ),
    companies as (
      select company, least(sum(strength), 1) as strength
      from (
        select company, strength from company_terms where term = any(array(select term from grams))
        union all
        select unnest(string_to_array(${tickersIn(query).join(' ')}, ' ')), 1
      ) as named
      group by company
    )
    select path, (
      score + ${ranking.company}::real * coalesce(strength, 0) + ${yearBonus(query)}
    )::float8 as score
    from hits join search_pages using (page_id) left join companies using (company)
    order by score desc, path
    limit ${limit}`
}

function yearBonus(query: string): SQL {
  const years = [...query.matchAll(/\b(?:19|20)\d\d\b/g)].map(([year]) => Number(year))
  if (years.length === 0) return sql`0`
  const cases = Object.entries(ranking.year).map(
    ([after, bonus]) => sql`when ${Number(after)}::int then ${bonus}::real`,
  )
  return sql`case year - ${Math.max(...years)}::int ${sql.join(cases, sql` `)} else 0 end`
}

/** Words in capitals, which may be the name of a company in paths. */
function tickersIn(query: string): string[] {
  return [...new Set(query.match(/\b[A-Z][A-Z0-9.-]{0,9}\b/g) ?? [])]
}

function hybrid(query: string, vector: readonly number[], index: IndexStatus, limit: number): SQL {
  if (vector.length !== index.dimensions || !vector.every(Number.isFinite)) {
    throw new Error(
      `the query's vector has ${vector.length} dimensions and the index, made by ${index.model}, ${index.dimensions}; ` +
        'run the import again with the current endpoint',
    )
  }
  return sql`
    with by_words as (${lexical(query, ranking.fused)}),
    by_meaning as (${index.pgvector ? nearestByExtension(vector) : nearestBySigns(vector)}),
    ranked as (
      select path, row_number() over (order by score desc, path) as place from by_words
      union all
      select path, row_number() over (order by nearness desc, path) from by_meaning join search_pages using (page_id)
    )
    select path, sum(1.0 / (${ranking.fusion}::int + place))::float8 as score
    from ranked
    group by path
    order by score desc, path
    limit ${limit}`
}

/** Compares all pages exactly with pgvector: 3,000 pages are too few for an approximate index. */
const nearestByExtension = (vector: readonly number[]): SQL => sql`
  select page_id, -(dense <#> ${`[${vector.join()}]`}::vector) as nearness
  from page_vectors
  order by dense <#> ${`[${vector.join()}]`}::vector
  limit ${ranking.fused}`

/**
 * Without pgvector: the pages whose signs differ least from the query's are compared exactly. If all pages
 * are compared, this is the exact ranking; otherwise it is exact among the chosen pages.
 */
const nearestBySigns = (vector: readonly number[]): SQL => sql`
  select page_id, (
    select sum(a * b) from unnest(vector, ${`{${vector.join()}}`}::real[]) as pairs(a, b)
  ) as nearness
  from (
    select page_id, vector
    from page_vectors
    order by bit_count(signs # ${signsOf(vector)}::bit varying), page_id
    limit ${ranking.compared}
  ) as chosen
  order by nearness desc
  limit ${ranking.fused}`

/** One bit per dimension: whether the component is positive. */
export const signsOf = (vector: readonly number[]): string => vector.map((x) => (x > 0 ? '1' : '0')).join('')
