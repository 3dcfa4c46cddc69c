import { availableParallelism, cpus } from 'node:os'
import { sql } from 'drizzle-orm'
import { findDocuments } from '../../schema/document-queries.ts'
import { readIndex, searchPages } from '../../schema/search.ts'
import { openServerDatabase, type ServerDatabase } from '../../src/postgres/open-database.ts'
import { createEmbed } from '../../src/runtime/embeddings.ts'
import { loadConfig } from '../../src/server/config.ts'
import { snippetOf } from '../../tools/snippet.ts'
import { ensureGeneratedCorpus } from '../corpus/generated.ts'
import { showProgress } from '../corpus/progress.ts'
import { readValues } from '../corpus/read-values.ts'
import { parseRecord } from '../corpus/records.ts'

interface Placed {
  readonly question: string
  readonly gold_path: string
}

/** Measures how well and how fast search finds the page that answers a question. */
export const searchBench = {
  name: 'search',
  usage: 'search [FILE…]',
  about: 'recall and latency of search on questions with gold_path; without a file, on the generated ones',
  async run(files: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
    const config = loadConfig(env)
    const database = await openServerDatabase({ ...config, poolSize: 2 })
    try {
      const embed = config.embeddings && createEmbed(config.embeddings)
      const sets = files.length > 0 ? await questionsIn(files) : await generatedQuestions(database)
      print(await describe(database))
      for (const [name, questions] of sets) await measure(database, name, questions, embed)
    } finally {
      await database.close()
    }
  },
}

async function questionsIn(files: readonly string[]): Promise<Map<string, Placed[]>> {
  const sets = new Map<string, Placed[]>()
  for (const file of files) {
    const questions: Placed[] = []
    for await (const read of readValues(file)) {
      if ('problem' in read) continue
      const { question } = parseRecord(read.value, read.where)
      const path = question?.gold_path
      if (question && path !== undefined) questions.push({ question: question.question, gold_path: path })
    }
    if (questions.length === 0) throw new Error(`${file} has no questions with gold_path`)
    sets.set(file, questions)
  }
  return sets
}

async function generatedQuestions(database: ServerDatabase): Promise<Map<string, readonly Placed[]>> {
  const progress = showProgress(process.stderr)
  const { dev } = await ensureGeneratedCorpus(database, { onProgress: progress.show })
  progress.end()
  return new Map([['the generated development questions', dev]])
}

async function measure(
  { db }: ServerDatabase,
  name: string,
  questions: readonly Placed[],
  embed: ReturnType<typeof createEmbed> | undefined,
): Promise<void> {
  const places: number[] = []
  const ranking: number[] = []
  const answering: number[] = []
  for (const { question: query, gold_path } of questions) {
    const vector = embed ? (await embed([query]))[0] : undefined
    const began = performance.now()
    const hits = await searchPages(db, { query, vector })
    ranking.push(performance.now() - began)
    const paths = hits.map((hit) => hit.path)
    for (const page of await findDocuments(db, paths)) snippetOf(page, query)
    answering.push(performance.now() - began)
    places.push(paths.indexOf(gold_path) + 1 || Number.POSITIVE_INFINITY)
  }
  const recall = (most: number) => (places.filter((place) => place <= most).length / places.length).toFixed(3)
  const mrr = places.reduce((sum, place) => sum + 1 / place, 0) / places.length
  print(`${name}: ${questions.length} questions`)
  print(`  recall@1 ${recall(1)}   recall@5 ${recall(5)}   recall@10 ${recall(10)}   MRR@10 ${mrr.toFixed(3)}`)
  print(`  ranking          p50 ${at(ranking, 0.5)}   p99 ${at(ranking, 0.99)}`)
  print(`  with snippets    p50 ${at(answering, 0.5)}   p99 ${at(answering, 0.99)}`)
}

async function describe({ db, where }: ServerDatabase): Promise<string> {
  const [row] = await db.execute<{ version: string }>(sql`select current_setting('server_version') as version`)
  const index = await readIndex(db)
  const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? process.arch}, Node ${process.versions.node}`
  const kind = index?.model == null ? 'lexical' : `hybrid by ${index.model}${index.pgvector ? ' with pgvector' : ''}`
  return `${machine}; PostgreSQL ${row?.version}, ${where}; ${index?.pages ?? 0} pages, ${kind}; one query at a time`
}

const at = (times: readonly number[], part: number) => {
  const sorted = times.toSorted((a, b) => a - b)
  return `${(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(1)} ms`
}

const print = (line: string) => void process.stdout.write(`${line}\n`)
