import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Sql } from 'postgres'
import { createLatencies } from './latencies.ts'
import type { Seen } from './processes.ts'

/** Creates the table of the references: a row like that of a tool call, with one index. */
export async function makeReferenceTable(sql: Sql): Promise<void> {
  await sql`create table if not exists reference_calls (id text primary key, arguments jsonb not null, output text not null)`
}

/** Inserts single rows over one connection, in sequence, for some seconds. */
export async function insertOneByOne(sql: Sql, seconds: number): Promise<Seen> {
  const connection = await sql.reserve()
  const latencies = createLatencies()
  const run = `raw_${performance.now()}`
  const began = performance.now()
  let sent = began
  for (let n = 0; sent < began + seconds * 1000; n += 1) {
    await connection`insert into reference_calls values (${`${run}_${n}`}, ${args}::text::jsonb, 'net revenue 2015')`
    const now = performance.now()
    latencies.add(now - sent)
    sent = now
  }
  connection.release()
  return { rate: latencies.total / ((performance.now() - began) / 1000), latencies, errors: 0 }
}

const args = '{"query":"net revenue 2015"}'
const script = String.raw`\set a random(0, 9000000000000000000)
\set b random(0, 9000000000000000000)
insert into reference_calls values ('pgbench_' || :a || :b, '${args}', 'net revenue 2015');
`

/** Measures single-row inserts by pgbench over a number of connections; undefined where pgbench is not installed. */
export async function measurePgbench(url: string, connections: number, seconds: number): Promise<Seen | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'scorekeeper-pgbench-'))
  const file = join(folder, 'insert.sql')
  writeFileSync(file, script)
  try {
    const options = [
      '-n',
      '-M',
      'prepared',
      '-c',
      String(connections),
      '-j',
      '1',
      '-T',
      String(seconds),
      '-f',
      file,
      url,
    ]
    const { stdout } = await promisify(execFile)('pgbench', options)
    const rate = Number(/tps = ([\d.]+)/.exec(stdout)?.[1])
    return { rate, latencies: createLatencies(), errors: Number(/failed transactions: (\d+)/.exec(stdout)?.[1] ?? 0) }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  } finally {
    await rm(folder, { recursive: true })
  }
}
