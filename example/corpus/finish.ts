import { sql } from 'drizzle-orm'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import { pages } from '../../schema/documents.ts'
import { readIndex } from '../../schema/search.ts'
import { buildIndex } from './build-index.ts'
import { buildVectors, type VectorSource } from './build-vectors.ts'
import type { OnProgress } from './progress.ts'

/** The state of the corpus in the database. */
export interface CorpusStatus {
  readonly pages: number
  readonly companies: number
  /** Undefined when the search index has never been built; see {@link readIndex}. */
  readonly index: Awaited<ReturnType<typeof readIndex>>
}

/** Counts the pages and reads whether the index covers them. */
export async function readStatus(db: PostgresJsDatabase): Promise<CorpusStatus> {
  const [counted] = await db
    .select({ pages: sql<number>`count(*)::int`, companies: sql<number>`count(distinct ${pages.company})::int` })
    .from(pages)
  return { pages: counted?.pages ?? 0, companies: counted?.companies ?? 0, index: await readIndex(db) }
}

/**
 * Builds what is missing after loading pages: the search index, and the vectors if an endpoint is configured. Returns
 * `false` if both are up to date.
 */
export async function finishCorpus(
  db: PostgresJsDatabase,
  { vectors, onProgress }: { vectors?: VectorSource | undefined; onProgress: OnProgress },
): Promise<boolean> {
  const { pages: count, index } = await readStatus(db)
  if (count === 0) return false
  const indexed = index?.current === true
  const embedded = vectors === undefined || (indexed && index.model === vectors.model)
  if (!indexed) await buildIndex(db, onProgress)
  if (!embedded && vectors !== undefined) await buildVectors(db, vectors, onProgress)
  return !(indexed && embedded)
}
