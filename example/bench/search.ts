import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { openBenchPostgres } from '../../bench/bench-database.ts'
import type { Cleanup } from '../../bench/cleanup.ts'
import { livePages, readIndex } from '../../schema/live-pages.ts'
import { searchPages } from '../../schema/search.ts'
import type { Database } from '../../src/postgres/database.ts'
import { openServerDatabase } from '../../src/postgres/open-database.ts'
import { createEmbed } from '../../src/runtime/embeddings.ts'
import { loadConfig } from '../../src/server/config/config.ts'
import { snippetOf } from '../../tools/snippet.ts'
import { ensureGeneratedCorpus } from '../corpus/generated.ts'
import { showProgress } from '../corpus/progress.ts'
import { readValues } from '../corpus/read-values.ts'
import { parseRecord } from '../corpus/records.ts'

interface Placed {
  readonly question: string
  readonly gold_path: string
}

/** A database with the pages, and where it is. */
interface Placement {
  readonly database: Database
  readonly where: string
  readonly sets: ReadonlyMap<string, readonly Placed[]>
}

/** Measures how well and how fast search finds the page that answers a question. */
export const searchBench = {
  name: 'search',
  usage: 'search [FILE…] [--json]',
  about:
    'recall and time of search: questions with gold_path about your imported pages, or without a file generated ones in a ' +
    'database of the bench',
  async run(args: readonly string[], env: NodeJS.ProcessEnv, cleanup: Cleanup): Promise<void> {
    const options = { json: { type: 'boolean', default: false } } as const
    const { values, positionals: files } = parseArgs({ args: [...args], options, allowPositionals: true })
    const config = loadConfig(env)
    const embed = config.embeddings && createEmbed(config.embeddings)
    const { database, where, sets } =
      files.length > 0 ? await imported(files, env, cleanup) : await generated(env, cleanup)
    const loading = await measureLoad(database)
    const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? process.arch}, Node ${process.versions.node}`
    const state = await readIndex(database.db)
    const kind = state?.model == null ? 'lexical' : `hybrid by ${state.model}${state.pgvector ? ' with pgvector' : ''}`
    const results = []
    for (const [name, questions] of sets) results.push(await measure(database, name, questions, embed))
    if (values.json) return print(JSON.stringify({ machine, where, kind, ...loading, sets: results }))
    print(`${machine}; ${where}; ${loading.pages} pages, ${kind}; one query at a time`)
    print(`loaded in ${loading.loadMs} ms, ${loading.megabytes} MB of memory`)
    for (const result of results) for (const line of linesOf(result)) print(line)
  },
}

async function imported(files: readonly string[], env: NodeJS.ProcessEnv, cleanup: Cleanup): Promise<Placement> {
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
  const database = await openServerDatabase({ ...loadConfig(env), poolSize: 2 })
  cleanup.add(() => database.close())
  return { database, where: database.where, sets }
}

async function generated(env: NodeJS.ProcessEnv, cleanup: Cleanup): Promise<Placement> {
  const postgres = await openBenchPostgres(env, cleanup)
  const database = await postgres.makeDatabase()
  const progress = showProgress(process.stderr)
  const { dev } = await ensureGeneratedCorpus(database, { onProgress: progress.show })
  progress.end()
  return { database, where: postgres.where, sets: new Map([['the generated development questions', dev]]) }
}

/** How long the first search of a process waits for the pages, and what they take in memory. */
async function measureLoad({ db }: Database) {
  const before = memory()
  const began = performance.now()
  const { index } = await livePages(db)
  const loadMs = Math.round(performance.now() - began)
  return { pages: index.pages.length, loadMs, megabytes: Math.round(memory() - before) }
}

function memory(): number {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 1e6
}

async function measure(
  { db }: Database,
  name: string,
  questions: readonly Placed[],
  embed: ReturnType<typeof createEmbed> | undefined,
) {
  const places: number[] = []
  const ranking: number[] = []
  const answering: number[] = []
  const usage = process.cpuUsage()
  for (const { question: query, gold_path } of questions) {
    const vector = embed ? (await embed([query]))[0] : undefined
    const began = performance.now()
    const hits = await searchPages(db, { query, vector })
    ranking.push(performance.now() - began)
    for (const { page } of hits) snippetOf(page, query)
    answering.push(performance.now() - began)
    places.push(hits.findIndex(({ page }) => page.path === gold_path) + 1 || Number.POSITIVE_INFINITY)
  }
  const { user, system } = process.cpuUsage(usage)
  const recall = (most: number) => round(places.filter((place) => place <= most).length / places.length)
  return {
    name,
    questions: questions.length,
    recall: { 1: recall(1), 5: recall(5), 10: recall(10) },
    mrr: round(places.reduce((sum, place) => sum + 1 / place, 0) / places.length),
    rankingMs: { p50: at(ranking, 0.5), p99: at(ranking, 0.99) },
    withSnippetsMs: { p50: at(answering, 0.5), p99: at(answering, 0.99) },
    cpuMs: round((user + system) / 1000 / questions.length),
  }
}

function linesOf(result: Awaited<ReturnType<typeof measure>>): string[] {
  const { recall, mrr, rankingMs, withSnippetsMs, cpuMs } = result
  return [
    `${result.name}: ${result.questions} questions`,
    `  recall@1 ${recall[1].toFixed(3)}   recall@5 ${recall[5].toFixed(3)}   recall@10 ${recall[10].toFixed(3)}   MRR@10 ${mrr.toFixed(3)}`,
    `  ranking          p50 ${rankingMs.p50.toFixed(2)} ms   p99 ${rankingMs.p99.toFixed(2)} ms`,
    `  with snippets    p50 ${withSnippetsMs.p50.toFixed(2)} ms   p99 ${withSnippetsMs.p99.toFixed(2)} ms   processor ${cpuMs} ms each`,
  ]
}

const round = (value: number) => Math.round(value * 1000) / 1000

const at = (times: readonly number[], part: number) => {
  const sorted = times.toSorted((a, b) => a - b)
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0) * 100) / 100
}

const print = (line: string) => void process.stdout.write(`${line}\n`)
