import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { openBenchPostgres } from '../../bench/bench-database.ts'
import { realSizes } from '../../bench/body-sizes.ts'
import { type Cleanup, makeScratchFolder } from '../../bench/cleanup.ts'
import { cpuSeconds } from '../../bench/cpu-time.ts'
import { median } from '../../bench/latencies.ts'
import { describeMachine } from '../../bench/machine.ts'
import { build, type Seen, startLoad, startServer } from '../../bench/processes.ts'
import { measureInRounds, summarize } from '../../bench/rounds.ts'
import { benchKey, serverVariables } from '../../bench/stage.ts'
import { formatHead, formatRow } from '../../bench/table.ts'
import { findDocuments } from '../../schema/document-queries.ts'
import type { Database } from '../../src/postgres/database.ts'
import { formatDocument } from '../../tools/format-document.ts'
import type { Question } from '../corpus/ask.ts'
import { ensureGeneratedCorpus } from '../corpus/generated.ts'
import { showProgress } from '../corpus/progress.ts'
import { startPeer } from './peer.ts'

/** What is measured of each tool: the calls, over how many connections, and the ratio asked. */
interface Measured {
  readonly tool: 'cat' | 'search'
  readonly argumentsOf: (question: Question) => object
  readonly connections: number
  readonly asked: number
}

const measured: readonly Measured[] = [
  { tool: 'cat', argumentsOf: ({ gold_path }) => ({ path: gold_path }), connections: 64, asked: 2 },
  // Few connections, so that the slow peer answers all of them several times in a round.
  { tool: 'search', argumentsOf: ({ question }) => ({ query: question }), connections: 8, asked: 20 },
]

/** Compares the example's tools over HTTP with those of a FastAPI server without a ledger. */
export const exampleBench = {
  name: 'example',
  usage: 'example [SECONDS] [--rounds N] [--json]',
  about:
    "the example's cat and search over HTTP, recorded and exactly once, as a ratio to a stateless FastAPI server's; needs " +
    'python3 with fastapi and uvicorn',
  async run(args: readonly string[], env: NodeJS.ProcessEnv, cleanup: Cleanup): Promise<void> {
    const options = { rounds: { type: 'string', default: '5' }, json: { type: 'boolean', default: false } } as const
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    const positive = z.coerce.number().positive()
    const seconds = positive.parse(positionals[0] ?? '2')
    const rounds = positive.int().parse(values.rounds)
    const folder = await build()
    const postgres = await openBenchPostgres(env, cleanup)
    const database = await postgres.makeDatabase()
    const questions = await generate(database)
    const peer = await startPeer(await writePages(database, cleanup), benchKey, cleanup)
    if (peer === undefined)
      throw new Error('no Python with FastAPI: on Debian, apt-get install python3-fastapi python3-uvicorn')
    const variables = { ...env, ...serverVariables(database, realSizes) }
    const program = join('example', 'bench', 'measured-server.js')
    const server = await cleanup.start(startServer(folder, variables, { program }), (started) => started.stop())
    const load = startLoad(folder, env)
    cleanup.add(load.stop)

    const where = `${describeMachine()}, ${postgres.where}; ${peer.about}; client, servers and database share it`
    const write = (line: string) => void (values.json ? process.stderr : process.stdout).write(`${line}\n`)
    write(where)
    write(`${rounds} rounds of ${seconds} s each; items of ${realSizes.itemBytes} bytes\n`)
    const rows = []
    for (const one of measured) {
      const calls = questions
        .slice(0, 500)
        .map((question) => ({ name: one.tool, arguments: JSON.stringify(one.argumentsOf(question)) }))
      const { tool, connections } = one
      const wish = {
        kind: 'calls',
        path: `/tools/${tool}`,
        key: benchKey,
        connections,
        seconds,
        calls,
        ...realSizes,
      } as const
      const reference = contender(
        'FastAPI',
        async () => [peer.pid],
        () => load.measure({ ...wish, ports: [peer.port] }),
      )
      const ourPids = async () => [server.pid, ...(await connectionPids(database))]
      const ours = contender('Scorekeeper', ourPids, () => load.measure({ ...wish, ports: [server.port] }))
      for (const warming of [reference, ours]) await warming.measure()
      const seen = await measureInRounds(reference, [ours], rounds)
      write(formatHead('FastAPI'))
      for (const { id, cpuMs } of [reference, ours]) {
        const { rate, ratios, latencies, errors } = seen.get(id) ?? summarize([])
        const [p50, p99] = [latencies.quantile(0.5), latencies.quantile(0.99)]
        const asked = { text: `≥ ${one.asked}`, reached: median(ratios) >= one.asked }
        const name = `${tool}, ${id}: ${cpuMs().toFixed(2)} ms of processor`
        write(formatRow({ name, rate, p50, p99, errors, ...(id === ours.id && { ratios, asked }) }))
        rows.push({ tool, id, rate, ratios, p50, p99, errors, cpuMs: cpuMs() })
      }
      write('')
    }
    if (values.json) process.stdout.write(`${JSON.stringify({ where, rows }, null, 2)}\n`)
  },
}

/** A case that also counts the processor time of its processes. */
function contender(id: string, pidsOf: () => Promise<readonly number[]>, measure: () => Promise<Seen>) {
  let [used, calls] = [0, 0]
  return {
    id,
    name: id,
    /** Milliseconds of processor time for each call, where the system tells them. */
    cpuMs: () => (used / calls) * 1000,
    async measure() {
      const pids = await pidsOf()
      const before = cpuSeconds(pids)
      const seen = await measure()
      used += (cpuSeconds(pids) ?? Number.NaN) - (before ?? Number.NaN)
      calls += seen.latencies.total
      return seen
    },
  }
}

/** The processes of Postgres that serve connections to this database. */
async function connectionPids({ sql }: Database): Promise<number[]> {
  const rows = await sql<{ pid: number }[]>`select pid from pg_stat_activity where datname = current_database()`
  return rows.map(({ pid }) => pid)
}

async function generate(database: Database): Promise<readonly Question[]> {
  const progress = showProgress(process.stderr)
  const { questions } = await ensureGeneratedCorpus(database, { onProgress: progress.show })
  progress.end()
  // The load sends ASCII alone.
  return questions.filter(({ question }) => /^[\x20-\x7e]*$/.test(question))
}

/** Writes the pages for the peer, as `cat` formats them; the file is removed at the end. */
async function writePages({ db }: Database, cleanup: Cleanup): Promise<string> {
  const paths = await db.execute<{ path: string }>('select path from pages order by path')
  const documents = await findDocuments(
    db,
    paths.map(({ path }) => path),
  )
  const file = join(makeScratchFolder(cleanup), 'pages.jsonl')
  writeFileSync(
    file,
    documents.map((one) => `${JSON.stringify({ path: one.path, text: formatDocument(one) })}\n`).join(''),
  )
  return file
}
