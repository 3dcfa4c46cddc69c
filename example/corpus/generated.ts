import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import type { Question } from './ask.ts'
import type { VectorSource } from './build-vectors.ts'
import { finishCorpus } from './finish.ts'
import { generateCorpus } from './generate.ts'
import { type Loaded, loadPages, pagesABatch } from './load.ts'
import type { OnProgress } from './progress.ts'
import { randomOf } from './random.ts'

/** What {@link ensureGeneratedCorpus} takes. */
export interface EnsureOptions {
  readonly seed?: number
  readonly pages?: number
  readonly vectors?: VectorSource | undefined
  readonly onProgress?: OnProgress
}

/** The result of {@link ensureGeneratedCorpus}. */
export interface Ensured extends Loaded {
  /** All questions about the generated pages; `dev` and `train` split them. */
  readonly questions: readonly Question[]
  readonly dev: readonly Question[]
  readonly train: readonly Question[]
  /** False if everything existed already. */
  readonly worked: boolean
}

/**
 * Ensures that the generated corpus is in the database and searchable; pages of other origin stay. Resumes after an
 * interruption.
 */
export async function ensureGeneratedCorpus(
  database: { readonly db: PostgresJsDatabase },
  { seed = 1, pages: size, vectors, onProgress = () => {} }: EnsureOptions = {},
): Promise<Ensured> {
  const { db } = database
  onProgress({ stage: 'generate', done: 0, total: undefined })
  const { pages, questions } = generateCorpus({ seed, ...(size !== undefined && { pages: size }) })
  const loaded = { added: 0, changed: 0, unchanged: 0 }
  for (let start = 0; start < pages.length; start += pagesABatch) {
    onProgress({ stage: 'load', done: start, total: pages.length })
    const batch = await loadPages(db, pages.slice(start, start + pagesABatch), 'generated')
    loaded.added += batch.added
    loaded.changed += batch.changed
    loaded.unchanged += batch.unchanged
  }
  onProgress({ stage: 'load', done: pages.length, total: pages.length })
  const finished = await finishCorpus(db, { vectors, onProgress })
  // Split by report, so that the two sets share no page and no figure.
  const apart = ({ gold_path }: Question) => randomOf('dev', ...gold_path.split('/').slice(0, 2)).next() < 1 / 6
  return {
    ...loaded,
    questions,
    dev: questions.filter(apart),
    train: questions.filter((question) => !apart(question)),
    worked: finished || loaded.added + loaded.changed > 0,
  }
}
