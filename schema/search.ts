import { type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Db } from '../src/kit/environment.ts'
import { type IndexState, livePages } from './live-pages.ts'
import type { PageIndex } from './page-index.ts'
import { type RankedPage, rankPages } from './ranking.ts'

/** How the ranking by words and the one by vectors are fused. */
const fusion = {
  /** A page at rank r of one of them gets 1 / (offset + r). */
  offset: 60,
  /** How many pages of each ranking are fused. */
  pages: 100,
  /** How many pages preselected by signs are compared exactly. */
  compared: 200,
} as const

/** A query. */
export interface SearchQuery {
  readonly query: string
  /** The query's vector from the model of the index; with it, an index with vectors ranks by both. */
  readonly vector?: readonly number[] | undefined
  /** At most this many pages; 10 by default. */
  readonly limit?: number
}

/**
 * Ranks the pages for a query, best first: see {@link rankPages}. If the query and the index have vectors, that ranking is
 * fused with the one by cosine.
 *
 * @throws Error if the index has not been built, or if the vector's length differs from the index's.
 */
export async function searchPages(db: Db, { query, vector, limit = 10 }: SearchQuery): Promise<RankedPage[]> {
  const { index, state } = await livePages(db)
  if (vector === undefined || state.dimensions === null) return rankPages(index, query, limit)
  const byMeaning = await nearest(db, vector, state)
  return fuse(rankPages(index, query, fusion.pages), pagesWith(index, byMeaning), limit)
}

function fuse(...[byWords, byMeaning, limit]: [RankedPage[], RankedPage[], number]): RankedPage[] {
  const scores = new Map<RankedPage['page'], number>()
  for (const one of [byWords, byMeaning]) {
    one.forEach(({ page }, at) => void scores.set(page, (scores.get(page) ?? 0) + 1 / (fusion.offset + at + 1)))
  }
  return [...scores]
    .map(([page, score]) => ({ page, score }))
    .sort((a, b) => b.score - a.score || (a.page.path < b.page.path ? -1 : 1))
    .slice(0, limit)
}

const nearRow = z.object({ page_id: z.number(), nearness: z.number() })

function pagesWith(index: PageIndex, near: readonly z.output<typeof nearRow>[]): RankedPage[] {
  const places = new Map(near.map(({ page_id, nearness }) => [page_id, nearness]))
  return index.pages
    .flatMap((page) => {
      const score = places.get(page.id)
      return score === undefined ? [] : [{ page, score }]
    })
    .sort((a, b) => b.score - a.score || (a.page.path < b.page.path ? -1 : 1))
}

async function nearest(db: Db, vector: readonly number[], state: IndexState) {
  if (vector.length !== state.dimensions || !vector.every(Number.isFinite)) {
    throw new Error(
      `the query's vector has ${vector.length} dimensions and the index, made by ${state.model}, ${state.dimensions}; ` +
        'run the import again with the current endpoint',
    )
  }
  const rows = await db.execute(state.pgvector ? nearestByExtension(vector) : nearestBySigns(vector))
  return z.array(nearRow).parse([...rows])
}

/** Compares all pages exactly with pgvector: 3,000 pages are too few for an approximate index. */
const nearestByExtension = (vector: readonly number[]): SQL => sql`
  select page_id, -(dense <#> ${`[${vector.join()}]`}::vector) as nearness
  from page_vectors
  order by dense <#> ${`[${vector.join()}]`}::vector
  limit ${fusion.pages}`

/**
 * Without pgvector: the pages whose signs differ least from the query's are compared exactly. If all pages
 * are compared, this is the exact ranking; otherwise it is exact among the chosen pages.
 */
const nearestBySigns = (vector: readonly number[]): SQL => sql`
  select page_id, (
    select sum(a * b) from unnest(vector, ${`{${vector.join()}}`}::real[]) as pairs(a, b)
  )::float8 as nearness
  from (
    select page_id, vector
    from page_vectors
    order by bit_count(signs # ${signsOf(vector)}::bit varying), page_id
    limit ${fusion.compared}
  ) as chosen
  order by nearness desc
  limit ${fusion.pages}`

/** One bit per dimension: whether the component is positive. */
export const signsOf = (vector: readonly number[]): string => vector.map((x) => (x > 0 ? '1' : '0')).join('')
