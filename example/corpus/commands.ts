import { join } from 'node:path'
import { toolDefinitions } from '../../src/kit/define-tool.ts'
import type { ServerDatabase } from '../../src/postgres/open-database.ts'
import { createEmbed } from '../../src/runtime/embeddings.ts'
import type { Config } from '../../src/server/config/config.ts'
import { tools } from '../../tools/index.ts'
import type { VectorSource } from './build-vectors.ts'
import { datasetRow, writeDataset } from './dataset.ts'
import { readStatus } from './finish.ts'
import { ensureGeneratedCorpus } from './generated.ts'
import { importFiles } from './import.ts'
import { emptyCorpus } from './load.ts'
import { countOrigins, countPages } from './origins.ts'
import type { ProgressDisplay } from './progress.ts'
import { writeQuestions } from './write-questions.ts'

/** What a command works with. */
export interface Job {
  readonly database: ServerDatabase
  readonly config: Config
  readonly progress: ProgressDisplay
  readonly write: (line: string) => void
}

/** What a command did and what the database contains now; printed with `--json`. */
export interface CorpusReport {
  readonly where: string
  /** Pages that were read, by what happened to them. */
  readonly pages?: { readonly added: number; readonly changed: number; readonly unchanged: number }
  /** The datasets that were written. */
  readonly datasets?: readonly { readonly path: string; readonly questions: number }[]
  /** Records that were skipped, by file and reason. */
  readonly skipped?: readonly { readonly file: string; readonly reason: string; readonly count: number }[]
  readonly there: {
    readonly pages: number
    readonly companies: number
    readonly generated: number
    readonly imported: number
  }
  /** The state of the search index; null without one. */
  readonly index: Awaited<ReturnType<typeof readStatus>>['index'] | null
}

/** What happens to existing pages of the other kind; by default, the two kinds are not mixed. */
interface Keeping {
  readonly replace: boolean
  readonly mix: boolean
}

/**
 * Generates the fictional corpus unless it exists.
 *
 * @throws Error if there are imported pages and neither `replace` nor `mix` is set.
 */
export async function runGenerate(
  job: Job,
  { seed, pages, replace, mix }: Keeping & { readonly seed: number; readonly pages: number | undefined },
): Promise<CorpusReport> {
  const { database, config, progress, write } = job
  const began = performance.now()
  if (replace) await emptyCorpus(database.db)
  const { imported } = await countOrigins(database.db)
  if (imported > 0 && !mix) {
    throw new Error(
      `${database.where} has ${countPages(imported)} from an import, which would be mixed with fictional ones; ` +
        'use --replace to remove them first, --mix to keep both, or another DATA_DIR or DATABASE_URL',
    )
  }
  const made = await ensureGeneratedCorpus(database, {
    seed,
    ...(pages !== undefined && { pages }),
    vectors: vectorsOf(config),
    onProgress: progress.show,
  })
  progress.end()
  const all = made.added + made.changed + made.unchanged
  if (made.worked) write(`${all} pages (${counts(made)}) in ${seconds(began)}, in ${database.where}`)
  else write(`all ${all} pages exist, in ${database.where}`)
  const definitions = toolDefinitions(tools)
  const datasets: { path: string; questions: number }[] = []
  for (const [name, questions] of [
    ['generated-train', made.train],
    ['generated-dev', made.dev],
  ] as const) {
    const path = await writeDataset(join(config.dataDir, `${name}.jsonl`), questions.map(datasetRow), definitions)
    write(`${questions.length} questions in ${path}`)
    datasets.push({ path, questions: questions.length })
  }
  await writeIndexLine(job)
  const { added, changed, unchanged } = made
  return { ...(await stateOf(database)), pages: { added, changed, unchanged }, datasets }
}

/**
 * Imports files and reports what happened to their records.
 *
 * @throws Error if no record could be used.
 */
export async function runImport(
  job: Job,
  { files, replace, mix }: Keeping & { readonly files: readonly string[] },
): Promise<CorpusReport> {
  const { database, config, progress, write } = job
  const began = performance.now()
  const done = await importFiles(database.db, {
    files,
    replace,
    mix,
    vectors: vectorsOf(config),
    onProgress: progress.show,
  })
  progress.end()
  const all = done.added + done.changed + done.unchanged
  if (done.removed > 0) {
    write(
      `removed ${countPages(done.removed)} of the fictional corpus first; --mix keeps them alongside the imported ones`,
    )
  }
  write(`${all} pages (${counts(done)}) in ${seconds(began)}, in ${database.where}`)
  if (done.repeated > 0) write(`${done.repeated} records repeated an earlier page, which is normal`)
  for (const { file, reason, count, where } of done.skipped) {
    write(`skipped ${count} of ${file}: ${reason} (${where.join(', ')}${count > where.length ? ', …' : ''})`)
  }
  const written = await writeQuestions(done.questions, config.dataDir, toolDefinitions(tools))
  for (const { count, path } of written) write(`${count} questions in ${path}`)
  const { generated, imported } = await countOrigins(database.db)
  if (generated > 0 && imported > 0) {
    write(`MIXED: ${countPages(generated)} are fictional and ${imported} are imported; --replace removes the old ones`)
  } else if (generated > 0 && all === 0) {
    write(`all ${countPages(generated)} are fictional; import the pages that your questions are about`)
  }
  await writeIndexLine(job)
  const isUseful = all > 0 || [...done.questions.values()].some((asked) => asked.length > 0)
  if (!isUseful) throw new Error('no record in these files could be used; see above')
  const { added, changed, unchanged } = done
  return {
    ...(await stateOf(database)),
    pages: { added, changed, unchanged },
    datasets: written.map(({ path, count }) => ({ path, questions: count })),
    skipped: done.skipped.map(({ file, reason, count }) => ({ file, reason, count })),
  }
}

/** Prints what the database contains. */
export async function runStatus(job: Job): Promise<CorpusReport> {
  const { pages, companies } = await readStatus(job.database.db)
  job.write(`${pages} pages of ${companies} companies in ${job.database.where}`)
  const { generated, imported } = await countOrigins(job.database.db)
  if (pages > 0) job.write(`${generated} fictional, ${imported} imported`)
  await writeIndexLine(job)
  return await stateOf(job.database)
}

async function stateOf({ db, where }: ServerDatabase): Promise<Pick<CorpusReport, 'where' | 'there' | 'index'>> {
  const { pages, companies, index = null } = await readStatus(db)
  return { where, there: { pages, companies, ...(await countOrigins(db)) }, index }
}

async function writeIndexLine({ database, write }: Job): Promise<void> {
  const { index } = await readStatus(database.db)
  if (index === undefined) return write('search: not available, because no import was completed')
  const state = index.current ? '' : '; THE LAST IMPORT WAS NOT COMPLETED: generate or import again'
  if (index.model === null) return write(`search: lexical${state}`)
  const how = index.pgvector ? 'compared by pgvector' : 'compared without pgvector'
  write(`search: hybrid, vectors of ${index.dimensions} dimensions by ${index.model}, ${how}${state}`)
}

function vectorsOf({ embeddings }: Config): VectorSource | undefined {
  if (embeddings === undefined) return undefined
  // An import may wait longer for an endpoint than a rollout.
  return { model: embeddings.model, embed: createEmbed({ ...embeddings, attempts: 8 }) }
}

const counts = ({ added, changed, unchanged }: { added: number; changed: number; unchanged: number }) =>
  `${added} new, ${changed} changed, ${unchanged} unchanged`

const seconds = (began: number) => `${((performance.now() - began) / 1000).toFixed(1)} s`
