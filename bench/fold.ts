import { parseArgs } from 'node:util'
import { z } from 'zod'
import { foldTurn } from '../src/ledger/rollups/fold.ts'
import type { BenchDatabase } from './bench-database.ts'
import { describeSizes, readSizes, sizeOptions, sizeUsage } from './body-sizes.ts'
import type { Cleanup } from './cleanup.ts'
import { cpuSeconds } from './cpu-time.ts'
import { median } from './latencies.ts'
import { setStage } from './stage.ts'

/** The most that folding may take of the processor time of a replica that serves calls alone. */
const askedShare = 0.03

/** Compares what it costs to sum calls for the dashboard with what it costs to serve them. */
export const foldBench = {
  name: 'fold',
  usage: `fold [SECONDS] [--rounds N] ${sizeUsage}`,
  about: 'the processor time of summing calls for the dashboard, as a share of that of serving them',
  async run(args: readonly string[], env: NodeJS.ProcessEnv, cleanup: Cleanup): Promise<void> {
    const options = { rounds: { type: 'string', default: '5' }, ...sizeOptions } as const
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    const positive = z.coerce.number().positive()
    const seconds = positive.parse(positionals[0] ?? '3')
    const rounds = positive.int().parse(values.rounds)
    const sizes = readSizes(values)
    const { where, database, measure, server } = await setStage(env, cleanup, { sizes })
    write(where)
    write(`${rounds} rounds of ${seconds} s of /tools/none, 64 connections, with ${describeSizes(sizes)}\n`)
    write('calls    serving, µs a call    folding, µs a call       share')
    const shares: number[] = []
    // The first round warms up the server and this process.
    for (let round = 0; round <= rounds; round += 1) {
      const before = cpuSeconds([server.pid]) ?? Number.NaN
      const { latencies } = await measure({ path: '/tools/none', seconds })
      const calls = latencies.total
      const serving = (((cpuSeconds([server.pid]) ?? Number.NaN) - before) * 1e6) / calls
      const pids = await connectionPids(database)
      const ofPostgres = cpuSeconds(pids) ?? Number.NaN
      const own = process.cpuUsage()
      // Calls of rollouts without a grading are summed at once, as those of long rollouts are.
      while ((await foldTurn(database.sql, { openSeconds: 0 })) !== 'done');
      const { user, system } = process.cpuUsage(own)
      const folding = (user + system) / calls
      const inPostgres = (((cpuSeconds(pids) ?? Number.NaN) - ofPostgres) * 1e6) / calls
      if (round === 0) continue
      shares.push(folding / serving)
      const costs = `${folding.toFixed(1)} and ${inPostgres.toFixed(1)} of Postgres`
      write(
        `${String(calls).padEnd(9)}${serving.toFixed(0).padEnd(22)}${costs.padEnd(25)}${percent(folding / serving)}`,
      )
    }
    const share = median(shares)
    const verdict = share < askedShare ? 'reached' : 'NOT REACHED'
    write(`\nmedian ${percent(share)} of the replica's processor time, < ${percent(askedShare)} asked: ${verdict}`)
  },
}

/** The processes of Postgres that serve connections to a database. */
async function connectionPids({ sql }: BenchDatabase): Promise<number[]> {
  const rows = await sql<{ pid: number }[]>`
    select pid from pg_stat_activity where datname = current_database() and backend_type = 'client backend'`
  return rows.map(({ pid }) => pid)
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`
const write = (line: string) => void process.stdout.write(`${line}\n`)
