import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import type { VectorSource } from './build-vectors.ts'
import { finishCorpus } from './finish.ts'
import { emptyCorpus, type Loaded, loadPages, pagesABatch } from './load.ts'
import { removeGenerated } from './origins.ts'
import type { Page } from './page.ts'
import { type AskedAt, keepPlaced } from './placed-questions.ts'
import type { OnProgress } from './progress.ts'
import { readValues } from './read-values.ts'
import { type ImportedQuestion, parseRecord } from './records.ts'

/** Records of a file that were skipped for one reason: how many, and the first places. */
export interface Skipped {
  readonly file: string
  readonly reason: string
  count: number
  readonly where: string[]
}

/** What an import did. */
export interface Imported extends Loaded {
  /** Records that repeated a page; FinQA repeats the page for each question about it. */
  repeated: number
  /** The questions of each file, in file order, whose pages are in the database. */
  readonly questions: ReadonlyMap<string, ImportedQuestion[]>
  /** Fictional pages that the import removed. */
  removed: number
  readonly skipped: readonly Skipped[]
}

/** What {@link importFiles} takes. */
export interface ImportOptions {
  readonly files: readonly string[]
  /** Removes all existing pages before the first new one is stored. */
  readonly replace?: boolean
  /** Keeps fictional pages alongside the imported ones; by default they are removed before the first page is stored. */
  readonly mix?: boolean
  readonly vectors?: VectorSource | undefined
  readonly onProgress?: OnProgress
}

const placesShown = 5

/**
 * Imports pages and questions from files. Each batch is committed, so that an interrupted import resumes. The search
 * import counts as complete at its end.
 *
 * @throws Error that names the file that cannot be read; the files before it are kept.
 */
export async function importFiles(
  db: PostgresJsDatabase,
  { files, replace = false, mix = false, vectors, onProgress = () => {} }: ImportOptions,
): Promise<Imported> {
  const skipped = new Map<string, Skipped>()
  const read = new Map<string, AskedAt[]>()
  const done = { added: 0, changed: 0, unchanged: 0, repeated: 0, removed: 0 }
  const seen = new Map<string, string>()
  let batch: Page[] = []
  let isFirst = true
  const flush = async () => {
    if (isFirst && batch.length > 0) {
      isFirst = false
      if (replace) await emptyCorpus(db)
      else if (!mix) done.removed = await removeGenerated(db)
    }
    const loaded = await loadPages(db, batch)
    done.added += loaded.added
    done.changed += loaded.changed
    done.unchanged += loaded.unchanged
    batch = []
  }

  const skip = (file: string, reason: string, where: string) => {
    const entry = skipped.get(`${file} ${reason}`) ?? { file, reason, count: 0, where: [] }
    entry.count += 1
    if (entry.where.length < placesShown) entry.where.push(where)
    skipped.set(`${file} ${reason}`, entry)
  }
  for (const file of files) {
    const asked: AskedAt[] = []
    read.set(file, asked)
    const onBytes = (read: number, total: number) => onProgress({ stage: 'read', done: read, total })
    for await (const each of readValues(file, onBytes)) {
      const { where } = each
      if ('problem' in each) {
        skip(file, each.problem, where)
        continue
      }
      const { page, question, problems } = parseRecord(each.value, `${basename(file)} ${where}`)
      for (const problem of problems) skip(file, problem, where)
      if (!page) {
        if (question) asked.push({ question, where })
        continue
      }
      const content = createHash('sha256').update(JSON.stringify(page)).digest('base64')
      const earlier = seen.get(page.path)
      if (earlier === undefined) {
        seen.set(page.path, content)
        batch.push(page)
        if (batch.length >= pagesABatch) await flush()
      } else if (earlier === content) done.repeated += 1
      else {
        skip(file, `different content for an earlier page${question ? ', with its question' : ''}`, where)
        continue
      }
      if (question) asked.push({ question, where })
    }
  }
  await flush()
  await finishCorpus(db, { vectors, onProgress })
  const questions = await keepPlaced(db, read, (file, where) =>
    skip(file, 'a question about a page that is not in the database', where),
  )
  return { ...done, questions, skipped: [...skipped.values()] }
}
