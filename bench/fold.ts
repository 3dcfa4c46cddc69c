import { parseArgs } from 'node:util'
import { z } from 'zod'
import { foldTurn } from '../src/ledger/rollups/fold.ts'
import type { BenchDatabase } from './bench-database.ts'
import { describeSizes, readSizes, sizeOptions, sizeUsage } from './body-sizes.ts'
import type { Cleanup } from './cleanup.ts'
import { cpuSeconds, postgresPids } from './cpu-time.ts'
import { median } from './latencies.ts'
import type { MeasuredServer } from './processes.ts'
import { benchKey, type Stage, setStage } from './stage.ts'

/** The most that folding may take of the processor time of a replica that serves calls alone. */
const askedShare = 0.03

/** The least rate of calls with folding, as a share of that without. */
const askedRatio = 0.97

const path = '/tools/none'

/** Compares what it costs to sum calls for the dashboard with what it costs to serve them. */
export const foldBench = {
  name: 'fold',
  usage: `fold [SECONDS] [--rounds N] [--pairs N] ${sizeUsage}`,
  about: 'what summing calls for the dashboard costs: processor time, and the rate of calls with it and without',
  async run(args: readonly string[], env: NodeJS.ProcessEnv, cleanup: Cleanup): Promise<void> {
    const options = {
      rounds: { type: 'string', default: '5' },
      pairs: { type: 'string', default: '8' },
      ...sizeOptions,
    } as const
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    const positive = z.coerce.number().positive()
    const seconds = positive.parse(positionals[0] ?? '3')
    const rounds = z.coerce.number().int().nonnegative().parse(values.rounds)
    const pairs = z.coerce.number().int().nonnegative().parse(values.pairs)
    const sizes = readSizes(values)
    const stage = await setStage(env, cleanup, { sizes })
    write(stage.where)
    write(`calls of ${path} over 64 connections, with ${describeSizes(sizes)}`)
    if (rounds > 0) await compareCosts(stage, rounds, seconds)
    if (pairs > 0) await compareRates(stage, pairs)
  },
}

/** Serves calls and then sums them, and compares the processor time of both. */
async function compareCosts({ database, measure, server }: Stage, rounds: number, seconds: number): Promise<void> {
  write(`\n${rounds} rounds of ${seconds} s`)
  write('calls    serving, µs a call    folding, µs a call       share')
  const shares: number[] = []
  // The first round warms up the server and this process.
  for (let round = 0; round <= rounds; round += 1) {
    const before = cpuSeconds([server.pid]) ?? Number.NaN
    const { latencies } = await measure({ path, seconds })
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
    write(`${String(calls).padEnd(9)}${serving.toFixed(0).padEnd(22)}${costs.padEnd(25)}${percent(folding / serving)}`)
  }
  const share = median(shares)
  const verdict = share < askedShare ? 'reached' : 'NOT REACHED'
  write(`\nmedian ${percent(share)} of the replica's processor time, < ${percent(askedShare)} asked: ${verdict}`)
}

/** Seconds of load before each measurement, so that the folding has caught up, and of the measurement: three turns of the folding. */
const leadSeconds = 6
const windowSeconds = 15

/** Measures the server while it folds and while it does not, in turn. */
async function compareRates({ measure, server, database: { sql } }: Stage, pairs: number): Promise<void> {
  const seen = async (isOn: boolean) => {
    // What the server has not folded in the meantime would count twice.
    if (isOn) while ((await foldTurn(sql, { openSeconds: 0 })) !== 'done');
    await setFolding(server, isOn)
    await measure({ path, seconds: leadSeconds })
    const before = await cost()
    const { rate, latencies } = await measure({ path, seconds: windowSeconds })
    const after = await cost()
    await setFolding(server, false)
    const micros = (from: number, to: number) => ((to - from) * 1e6) / latencies.total
    return { rate, own: micros(before.own, after.own), postgres: micros(before.postgres, after.postgres) }
  }
  const cost = async () => {
    const postgres = cpuSeconds(await postgresPids(sql)) ?? Number.NaN
    return { own: cpuSeconds([server.pid]) ?? Number.NaN, postgres }
  }
  write(`\n${pairs} pairs of ${windowSeconds} s: calls a second; in brackets µs a call of the server and of Postgres`)
  write('without folding          with folding             ratio')
  const ratios: number[] = []
  const text = ({ rate, own, postgres }: Awaited<ReturnType<typeof seen>>) =>
    `${rate.toFixed(0)} (${own.toFixed(0)}, ${postgres.toFixed(0)})`.padEnd(25)
  for (let pair = 0; pair < pairs; pair += 1) {
    const isOnFirst = pair % 2 === 1
    const first = await seen(isOnFirst)
    const second = await seen(!isOnFirst)
    const [off, on] = isOnFirst ? [second, first] : [first, second]
    ratios.push(on.rate / off.rate)
    write(`${text(off)}${text(on)}${(on.rate / off.rate).toFixed(3)}`)
  }
  const ratio = median(ratios)
  const verdict = ratio >= askedRatio ? 'reached' : 'NOT REACHED'
  write(`\nmedian ${ratio.toFixed(3)}, ≥ ${askedRatio} asked: ${verdict}`)
}

async function setFolding({ port }: MeasuredServer, isOn: boolean): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/folding?on=${isOn}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${benchKey}` },
  })
  if (!response.ok) throw new Error(`the server answered ${response.status} to the request to fold`)
}

/** The processes of Postgres that serve connections to a database. */
async function connectionPids({ sql }: BenchDatabase): Promise<number[]> {
  const rows = await sql<{ pid: number }[]>`
    select pid from pg_stat_activity where datname = current_database() and backend_type = 'client backend'`
  return rows.map(({ pid }) => pid)
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`
const write = (line: string) => void process.stdout.write(`${line}\n`)
