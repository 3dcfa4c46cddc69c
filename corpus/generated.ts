import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
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

/** What it found or made. */
export interface Ensured extends Loaded {
  /** All questions about the generated pages, and which of them are kept apart from training. */
  readonly questions: readonly Question[]
  readonly dev: readonly Question[]
  readonly train: readonly Question[]
  /** False when everything was there already. */
  readonly worked: boolean
}

/**
 * Sees to it that the generated corpus is in the database and searchable; pages of other origin stay. Stopped half-way,
 * it goes on where it was.
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
    const batch = await loadPages(db, pages.slice(start, start + pagesABatch))
    loaded.added += batch.added
    loaded.changed += batch.changed
    loaded.unchanged += batch.unchanged
  }
  onProgress({ stage: 'load', done: pages.length, total: pages.length })
  const finished = await finishCorpus(db, { vectors, onProgress })
  // By report, so that no page and no figure of the one set is in the other.
  const apart = ({ gold_path }: Question) => randomOf('dev', ...gold_path.split('/').slice(0, 2)).next() < 1 / 6
  return {
    ...loaded,
    questions,
    dev: questions.filter(apart),
    train: questions.filter((question) => !apart(question)),
    worked: finished || loaded.added + loaded.changed > 0,
  }
}

/** A row of a training job's dataset. */
export interface DatasetRow {
  readonly id: string
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly reference_answer: string
  readonly gold_path?: string | undefined
}

const instruction =
  'Answer the question from the reports. Find the page with search or list and read it with cat, at most ten tool ' +
  'calls. End with the answer alone: a number with its unit or percent sign, or yes or no.'

/** Makes the row of a question: what the model is told, and the label that only graders see. */
export function datasetRow<Rest extends { id: string; question: string; reference_answer: string }>({
  id,
  question,
  ...rest
}: Rest): DatasetRow & Omit<Rest, 'id' | 'question'> {
  const messages = [
    { role: 'developer', content: instruction },
    { role: 'user', content: question },
  ]
  return { id, messages, ...rest }
}

/** Writes rows as JSON Lines, whole or not at all, each with the definitions of the tools where some are given. */
export async function writeDataset(
  { dir, name }: { dir: string; name: string },
  rows: readonly object[],
  tools?: readonly object[],
): Promise<string> {
  const path = join(dir, `${name}.jsonl`)
  await mkdir(dir, { recursive: true })
  const lines = rows.map((row) => `${JSON.stringify(tools ? { ...row, tools } : row)}\n`)
  await writeFile(`${path}.${process.pid}`, lines.join(''))
  await rename(`${path}.${process.pid}`, path)
  return path
}
