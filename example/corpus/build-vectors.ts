import { createHash } from 'node:crypto'
import { asc, eq, gt, sql } from 'drizzle-orm'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import { pages, pageVectors, searchIndex } from '../../schema/documents.ts'
import { signsOf } from '../../schema/search.ts'
import type { Embed } from '../../src/kit/environment.ts'
import type { OnProgress } from './progress.ts'

/** How many pages are embedded and committed together. */
const pagesAtOnce = 64

/** How many characters of a page are embedded: what models commonly accept, about 6,000 tokens of figures. */
const longestText = 12_000

/** Where vectors come from, and the name of the model, which identifies existing vectors. */
export interface VectorSource {
  readonly embed: Embed
  readonly model: string
}

/**
 * Computes the vectors of all pages that have none from this model for their current text. Each batch is committed, so
 * that an interrupted run resumes. The index uses vectors once all pages have one.
 *
 * @throws what `embed` throws; Error when vectors of one model differ in length or are all zeros.
 */
export async function buildVectors(
  db: PostgresJsDatabase,
  { embed, model }: VectorSource,
  onProgress: OnProgress,
): Promise<void> {
  const [{ total } = { total: 0 }] = await db.select({ total: sql<number>`count(*)::int` }).from(pages)
  for (let last = 0, done = 0; done < total; ) {
    onProgress({ stage: 'embed', done, total })
    const batch = await db
      .select({ page: pages, model: pageVectors.model, textHash: pageVectors.textHash })
      .from(pages)
      .leftJoin(pageVectors, eq(pageVectors.pageId, pages.id))
      .where(gt(pages.id, last))
      .orderBy(asc(pages.id))
      .limit(pagesAtOnce)
    if (batch.length === 0) break
    last = batch.at(-1)?.page.id ?? last
    done += batch.length
    const wanted = batch
      .map((row) => ({ pageId: row.page.id, had: `${row.model} ${row.textHash}`, text: embeddedText(row.page) }))
      .map((row) => ({ ...row, textHash: createHash('sha256').update(row.text).digest('hex') }))
      .filter((row) => row.had !== `${model} ${row.textHash}`)
    if (wanted.length === 0) continue
    const vectors = (await embed(wanted.map((row) => row.text))).map(unitVector)
    const rows = wanted.map(({ pageId, textHash }, at) => {
      const vector = vectors[at] ?? []
      return { pageId, model, textHash, vector, signs: signsOf(vector) }
    })
    await db
      .insert(pageVectors)
      .values(rows)
      .onConflictDoUpdate({
        target: pageVectors.pageId,
        set: {
          model,
          textHash: sql`excluded.text_hash`,
          vector: sql`excluded.vector`,
          signs: sql`excluded.signs`,
        },
      })
  }
  onProgress({ stage: 'embed', done: total, total })
  await finish(db, model)
}

async function finish(db: PostgresJsDatabase, model: string): Promise<void> {
  const lengths = await db.execute<{ length: number }>(
    sql`select distinct cardinality(vector) as length from page_vectors`,
  )
  const [dimensions, ...others] = lengths.map((row) => row.length)
  if (dimensions === undefined) return
  if (others.length > 0) throw new Error(`the model ${model} gave vectors of ${lengths.length} different lengths`)
  const pgvector = await hasPgvector(db)
  if (pgvector) {
    await db.transaction(async (tx) => {
      await tx.execute(sql`alter table page_vectors add column if not exists dense vector`)
      await tx.execute(sql`update page_vectors set dense = vector::vector`)
    })
  }
  await db.update(searchIndex).set({ model, dimensions, pgvector })
  await db.execute(sql`analyze page_vectors`)
}

/** Whether pgvector can be used: it is installed, or our role may install it. */
async function hasPgvector(db: PostgresJsDatabase): Promise<boolean> {
  const rows = await db.execute(sql`select 1 from pg_available_extensions where name = 'vector'`)
  if (rows.length === 0) return false
  try {
    await db.execute(sql`create extension if not exists vector`)
    return true
  } catch {
    // Our role may not install it; search works without it.
    return false
  }
}

function embeddedText(page: typeof pages.$inferSelect): string {
  const table = page.tableRows.map((row) => row.join(' | ')).join('\n')
  const place = [page.company, page.year].filter((part) => part !== '' && part !== null).join(' ')
  return [place, page.title, table, page.textBefore, page.textAfter].join('\n').slice(0, longestText).toWellFormed()
}

function unitVector(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector)
  if (!(length > 0) || !Number.isFinite(length)) throw new Error('the endpoint returned a vector without a direction')
  return vector.map((x) => x / length)
}
