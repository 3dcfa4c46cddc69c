import { basename, join, resolve } from 'node:path'
import type { Config } from '../src/config.ts'
import { createEmbed } from '../src/embeddings.ts'
import type { ServerDatabase } from '../src/open-server-database.ts'
import { toolDefinitions } from '../src/openapi.ts'
import { tools } from '../tools/index.ts'
import type { VectorSource } from './build-vectors.ts'
import { datasetRow, writeDataset } from './dataset.ts'
import { readStatus } from './finish.ts'
import { ensureGeneratedCorpus } from './generated.ts'
import { type Imported, importFiles } from './import.ts'
import type { ProgressDisplay } from './show-progress.ts'

/** What a command works with. */
export interface Job {
  readonly database: ServerDatabase
  readonly config: Config
  readonly progress: ProgressDisplay
  readonly write: (line: string) => void
}

/** Generates the fictional corpus, or finds it there. */
export async function runGenerate(
  job: Job,
  { seed, pages }: { seed: number; pages: number | undefined },
): Promise<void> {
  const { database, config, progress, write } = job
  const began = performance.now()
  const made = await ensureGeneratedCorpus(database, {
    seed,
    ...(pages !== undefined && { pages }),
    vectors: vectorsOf(config),
    onProgress: progress.show,
  })
  progress.end()
  const all = made.added + made.changed + made.unchanged
  if (made.worked) write(`${all} pages (${counts(made)}) in ${seconds(began)}, in ${database.where}`)
  else write(`all ${all} pages are there already, and indexed, in ${database.where}`)
  const definitions = toolDefinitions(tools)
  for (const [name, questions] of [
    ['finqa-train', made.train],
    ['finqa-dev', made.dev],
  ] as const) {
    const path = await writeDataset(join(config.dataDir, `${name}.jsonl`), questions.map(datasetRow), definitions)
    write(`${questions.length} questions in ${path}`)
  }
  await writeIndexLine(job)
}

/** Imports files and says what became of each of their records. */
export async function runImport(
  job: Job,
  { files, replace }: { files: readonly string[]; replace: boolean },
): Promise<void> {
  const { database, config, progress, write } = job
  const began = performance.now()
  const done = await importFiles(database.db, {
    files,
    replace,
    vectors: vectorsOf(config),
    onProgress: progress.show,
  })
  progress.end()
  const all = done.added + done.changed + done.unchanged
  write(`${all} pages (${counts(done)}) in ${seconds(began)}, in ${database.where}`)
  if (done.repeated > 0) write(`${done.repeated} records repeated a page that came before, as they do`)
  for (const { file, reason, count, where } of done.skipped) {
    write(`skipped ${count} of ${file}: ${reason} (${where.join(', ')}${count > where.length ? ', …' : ''})`)
  }
  await writeQuestions(job, done)
  if (done.unplaced > 0) write(`${done.unplaced} questions are about pages that are not in the database`)
  await writeIndexLine(job)
}

/** Says what is in the database. */
export async function runStatus(job: Job): Promise<void> {
  const { pages, companies } = await readStatus(job.database.db)
  job.write(`${pages} pages of ${companies} companies in ${job.database.where}`)
  await writeIndexLine(job)
}

async function writeIndexLine({ database, write }: Job): Promise<void> {
  const { index } = await readStatus(database.db)
  if (index === undefined) return write('search: no index yet')
  const state = index.current ? '' : '; PAGES CHANGED SINCE: generate or import again'
  const words = `${index.pages} pages, ${index.terms} words and pairs of words`
  if (index.model === null) return write(`search: lexical, ${words}${state}`)
  const how = index.pgvector ? 'compared by pgvector' : 'compared without pgvector'
  write(`search: hybrid, ${words}, vectors of ${index.dimensions} dimensions by ${index.model}, ${how}${state}`)
}

async function writeQuestions({ config, write }: Job, { questions }: Imported): Promise<void> {
  const definitions = toolDefinitions(tools)
  const used = new Set([...questions.keys()].map((file) => resolve(file)))
  for (const [file, asked] of questions) {
    if (asked.length === 0) continue
    const name = basename(file)
      .replace(/(?:\.gz)?$/, '')
      .replace(/\.jsonl?$/, '')
    const candidates = Array.from({ length: 100 }, (_, at) =>
      join(config.dataDir, `${name}${at === 0 ? '' : `-${at + 1}`}.jsonl`),
    )
    const target = candidates.find((path) => !used.has(resolve(path))) ?? join(config.dataDir, `${name}-imported.jsonl`)
    used.add(resolve(target))
    const path = await writeDataset(target, asked.map(datasetRow), definitions)
    write(`${asked.length} questions in ${path}`)
  }
}

function vectorsOf({ embeddings }: Config): VectorSource | undefined {
  if (embeddings === undefined) return undefined
  // An import has time: it waits for an endpoint that a rollout would not wait for.
  return { model: embeddings.model, embed: createEmbed({ ...embeddings, attempts: 8 }) }
}

const counts = ({ added, changed, unchanged }: { added: number; changed: number; unchanged: number }) =>
  `${added} new, ${changed} changed, ${unchanged} as they were`

const seconds = (began: number) => `${((performance.now() - began) / 1000).toFixed(1)} s`
