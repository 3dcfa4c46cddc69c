import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { inArray } from 'drizzle-orm'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import { pages } from '../schema/documents.ts'
import type { VectorSource } from './build-vectors.ts'
import { finishCorpus } from './finish.ts'
import { emptyCorpus, type Loaded, loadPages, pagesABatch } from './load.ts'
import type { Page } from './page.ts'
import type { OnProgress } from './progress.ts'
import { readValues } from './read-values.ts'
import { type ImportedQuestion, understand } from './records.ts'

/** What was left out of a file for one reason: how often, and where the first times. */
export interface Skipped {
  readonly file: string
  readonly reason: string
  count: number
  readonly where: string[]
}

/** What an import did. */
export interface Imported extends Loaded {
  /** Records that only repeated a page, as FinQA's do for each question about it. */
  repeated: number
  /** The questions of each file, in its order. */
  readonly questions: ReadonlyMap<string, ImportedQuestion[]>
  /** Questions whose page is not in the database. */
  unplaced: number
  readonly skipped: readonly Skipped[]
}

/** What {@link importFiles} takes. */
export interface ImportOptions {
  readonly files: readonly string[]
  /** Removes all pages that are there before. */
  readonly replace?: boolean
  readonly vectors?: VectorSource | undefined
  readonly onProgress?: OnProgress
}

const placesShown = 5

/**
 * Imports pages and questions from files, in batches that are each committed: stopped half-way and begun again, it finds
 * what is there unchanged and goes on. The search index is built last.
 *
 * @throws Error naming the file that cannot be read; what came before it is kept.
 */
export async function importFiles(
  db: PostgresJsDatabase,
  { files, replace = false, vectors, onProgress = () => {} }: ImportOptions,
): Promise<Imported> {
  const skipped = new Map<string, Skipped>()
  const questions = new Map<string, ImportedQuestion[]>()
  const done: Imported = { added: 0, changed: 0, unchanged: 0, repeated: 0, questions, unplaced: 0, skipped: [] }
  const seen = new Map<string, string>()
  let batch: Page[] = []
  const flush = async () => {
    const loaded = await loadPages(db, batch)
    done.added += loaded.added
    done.changed += loaded.changed
    done.unchanged += loaded.unchanged
    batch = []
  }

  if (replace) await emptyCorpus(db)
  for (const file of files) {
    const asked: ImportedQuestion[] = []
    questions.set(file, asked)
    const skip = (reason: string, where: string) => {
      const entry = skipped.get(`${file} ${reason}`) ?? { file, reason, count: 0, where: [] }
      entry.count += 1
      if (entry.where.length < placesShown) entry.where.push(where)
      skipped.set(`${file} ${reason}`, entry)
    }
    const onBytes = (read: number, total: number) => onProgress({ stage: 'read', done: read, total })
    for await (const read of readValues(file, onBytes)) {
      if ('problem' in read) {
        skip(read.problem, read.where)
        continue
      }
      const { page, question, problems } = understand(read.value, `${basename(file)} ${read.where}`)
      for (const problem of problems) skip(problem, read.where)
      if (question) asked.push(question)
      if (!page) continue
      const content = createHash('sha256').update(JSON.stringify(page)).digest('base64')
      const earlier = seen.get(page.path)
      if (earlier === undefined) {
        seen.set(page.path, content)
        batch.push(page)
        if (batch.length >= pagesABatch) await flush()
      } else if (earlier === content) done.repeated += 1
      else skip('another text for a page that came before', read.where)
    }
  }
  await flush()
  await finishCorpus(db, { vectors, onProgress })
  const unplaced = await countUnplaced(db, [...questions.values()].flat())
  return { ...done, unplaced, skipped: [...skipped.values()] }
}

async function countUnplaced(db: PostgresJsDatabase, questions: readonly ImportedQuestion[]): Promise<number> {
  const wanted = [...new Set(questions.flatMap(({ gold_path }) => gold_path ?? []))]
  const there = new Set<string>()
  for (let start = 0; start < wanted.length; start += 1_000) {
    const rows = await db
      .select({ path: pages.path })
      .from(pages)
      .where(inArray(pages.path, wanted.slice(start, start + 1_000)))
    for (const { path } of rows) there.add(path)
  }
  return questions.filter(({ gold_path }) => gold_path !== undefined && !there.has(gold_path)).length
}
