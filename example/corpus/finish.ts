import { sql } from 'drizzle-orm'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import { pages, searchIndex } from '../../schema/documents.ts'
import { readIndex } from '../../schema/live-pages.ts'
import { buildVectors, type VectorSource } from './build-vectors.ts'
import type { OnProgress } from './progress.ts'

/** The state of the corpus in the database. */
export interface CorpusStatus {
  readonly pages: number
  readonly companies: number
  /** Undefined until an import was completed; see {@link readIndex}. */
  readonly index: Awaited<ReturnType<typeof readIndex>>
}

/** Counts the pages and reads whether their import was completed. */
export async function readStatus(db: PostgresJsDatabase): Promise<CorpusStatus> {
  const [counted] = await db
    .select({ pages: sql<number>`count(*)::int`, companies: sql<number>`count(distinct ${pages.company})::int` })
    .from(pages)
  return { pages: counted?.pages ?? 0, companies: counted?.companies ?? 0, index: await readIndex(db) }
}

/**
 * Completes an import: marks the pages as complete, which search waits for, and computes their vectors if an endpoint is
 * configured. Returns `false` if all was done before.
 */
export async function finishCorpus(
  db: PostgresJsDatabase,
  { vectors, onProgress }: { vectors?: VectorSource | undefined; onProgress: OnProgress },
): Promise<boolean> {
  const { pages: count, index } = await readStatus(db)
  if (count === 0) return false
  const indexed = index?.current === true
  const embedded = vectors === undefined || (indexed && index.model === vectors.model)
  if (!indexed) await markComplete(db)
  if (!embedded && vectors !== undefined) await buildVectors(db, vectors, onProgress)
  return !(indexed && embedded)
}

/** Marks the pages as complete, without vectors until all of them have one. */
async function markComplete(db: PostgresJsDatabase): Promise<void> {
  const complete = { builtAt: sql`now()`, current: true, model: null, dimensions: null, pgvector: false }
  await db.insert(searchIndex).values({ current: true }).onConflictDoUpdate({ target: searchIndex.only, set: complete })
}
