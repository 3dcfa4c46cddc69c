import { parseArgs } from 'node:util'
import { z } from 'zod'
import type { Cleanup } from './cleanup.ts'
import { fill, logPosition, readSizes } from './growth-fill.ts'
import { measureRetention } from './growth-retention.ts'
import { median } from './latencies.ts'
import { measureInRounds } from './rounds.ts'
import { setStage } from './stage.ts'
import { formatAsked, formatHead, formatRow } from './table.ts'

/** Measures the hot path with millions of recorded calls against an empty ledger, and while old rollouts are deleted. */
export const growthBench = {
  name: 'growth',
  usage: 'growth [CALLS] [--seconds N] [--rounds N] [--settle SECONDS]',
  about: 'the hot path with ten million recorded calls beside an empty ledger; and under retention',
  async run(args: readonly string[], env: NodeJS.ProcessEnv, cleanup: Cleanup): Promise<void> {
    const text = { type: 'string' } as const
    const options = {
      seconds: { ...text, default: '3' },
      rounds: { ...text, default: '5' },
      settle: { ...text, default: '60' },
    }
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    const calls = z.coerce
      .number()
      .int()
      .min(1_000)
      .parse(positionals[0]?.replaceAll(/[_,]/g, '') ?? 10_000_000)
    const seconds = z.coerce.number().positive().parse(values.seconds)
    const rounds = z.coerce.number().int().positive().parse(values.rounds)
    const settle = z.coerce.number().positive().parse(values.settle)
    const stage = await setStage(env, cleanup)
    const { where, database, server, measure } = stage
    const other = await stage.addServer(await stage.addDatabase())
    // A tenth of them is old.
    const deleted = Math.floor(calls / 10)
    const filling = await fill(database.sql, calls, deleted)
    write(where)
    write(`${calls} calls recorded in ${filling.toFixed(0)} s, their tables vacuumed and analyzed\n`)
    for (const line of await readSizes(database.sql)) write(line)

    const hot = (port: number, time = seconds) => measure({ path: '/tools/none', seconds: time, ports: [port] })
    const names = { empty: "effects: 'none', an empty ledger", full: `effects: 'none', ${calls} calls` }
    // After a checkpoint the first change to a page is logged in full; the load after it gets over most of it.
    const before = await logPosition(database.sql)
    let made = 0
    while (made < firstCalls) made += (await hot(server.port, 1)).latencies.total
    const fresh = ((await logPosition(database.sql)) - before) / made
    await hot(other.port, 2)
    await hot(server.port, settle)
    write(`\n${rounds} rounds of ${seconds} s each, by turns, after ${settle} s of load since the last checkpoint\n`)
    const log = { empty: { bytes: 0, calls: 0 }, full: { bytes: 0, calls: 0 } }
    const logged = (id: 'empty' | 'full', port: number) => async () => {
      const before = await logPosition(database.sql)
      const one = await hot(port)
      log[id].bytes += (await logPosition(database.sql)) - before
      log[id].calls += one.latencies.total
      return one
    }
    const empty = { id: 'empty' as const, name: names.empty, measure: logged('empty', other.port) }
    const full = { id: 'full' as const, name: names.full, measure: logged('full', server.port) }
    const seen = await measureInRounds(empty, [full], rounds)
    write(formatHead('empty'))
    const tails: number[] = []
    for (const { id, name } of [empty, full]) {
      const summary = seen.get(id)
      if (summary === undefined) continue
      const { rate, ratios, errors, latencies } = summary
      const p99 = latencies.quantile(0.99)
      tails.push(p99)
      const asked = id === 'full' ? { text: '0.95', reached: median(ratios) >= 0.95 } : undefined
      write(formatRow({ name, rate, ratios, p50: latencies.quantile(0.5), p99, errors, asked }))
    }
    const perCall = [log.empty, log.full].map(({ bytes, calls: count }) => `${(bytes / count).toFixed(0)} bytes`)
    write(
      `write-ahead log a call: ${perCall.join(' when empty, ')} when full; ${fresh.toFixed(0)} bytes for the first ${made} after a checkpoint`,
    )
    const tail = (tails[1] ?? 0) / (tails[0] ?? 0)
    write(`p99 ${tail.toFixed(2)} × the empty one's; ${formatAsked({ text: '1.20 at most', reached: tail <= 1.2 })}`)
    write('')
    for (const line of await measureRetention(database, () => hot(server.port, 2), rounds, deleted)) write(line)
  },
}

/** How many calls count as just after a checkpoint: a fixed number, whatever the machine's speed. */
const firstCalls = 20_000

const write = (line: string) => void process.stdout.write(`${line}\n`)
