import { parseArgs } from 'node:util'
import { z } from 'zod'
import type { Cleanup } from './cleanup.ts'
import { type Count, createLatencies, median } from './latencies.ts'
import { setStage } from './stage.ts'
import { formatCells } from './table.ts'

/** Measures hundreds of rollouts that begin at the same time over new connections. */
export const burstBench = {
  name: 'burst',
  usage: 'burst [ROLLOUTS] [--parallel N] [--rounds N]',
  about: '500 rollouts that begin at once over new connections: parallel calls, then a grading',
  async run(args: readonly string[], env: NodeJS.ProcessEnv, cleanup: Cleanup): Promise<void> {
    const text = { type: 'string' } as const
    const options = { rounds: { ...text, default: '5' }, parallel: { ...text, default: '4' } }
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    const whole = z.coerce.number().int().positive()
    const rollouts = whole.parse(positionals[0] ?? '500')
    const parallel = whole.parse(values.parallel)
    const rounds = whole.parse(values.rounds)
    const { where, server, load, key } = await setStage(env, cleanup)
    const to = { port: server.port, key, rollouts, parallel }
    const patterns = [
      { name: 'bare route: no ledger', wish: { ...to, callPath: '/bare', gradePath: '/bare' } },
      { name: "effects: 'none', then a grading", wish: { ...to, callPath: '/tools/none', gradePath: '/grade' } },
    ].map((pattern) => ({ ...pattern, seen: createSeen() }))
    for (const { wish } of patterns) await load.burst({ ...wish, rollouts: 50 })
    for (let round = 0; round < rounds; round += 1) {
      for (const { wish, seen } of patterns) {
        await new Promise((resolve) => setTimeout(resolve, 500))
        seen.add(await load.burst(wish))
      }
    }
    write(where)
    const requests = rollouts * (parallel + 1)
    write(`${rounds} bursts each: ${rollouts} rollouts at once, ${parallel} calls in parallel and a grading each,`)
    write(`${requests} requests over as many new connections; milliseconds from the begin, medians of the bursts\n`)
    const headings = ['first', 'last', 'call p50', 'call p99', 'grade p50', 'grade p99', 'errors']
    write(formatCells('', headings))
    for (const { name, seen } of patterns) write(formatCells(name, seen.cells()))
    const [bare, ledger] = patterns.map(({ seen }) => seen.last())
    if (bare === undefined || ledger === undefined) return
    write(`\nall answered within ${(ledger / bare).toFixed(2)} × the bare route's time`)
  },
}

interface BurstSeen {
  readonly first: number
  readonly last: number
  readonly errors: number
  readonly calls: readonly Count[]
  readonly gradings: readonly Count[]
}

function createSeen() {
  const all: BurstSeen[] = []
  const last = () => median(all.map((one) => one.last))
  return {
    last,
    add: (seen: BurstSeen) => void all.push(seen),
    cells() {
      const [calls, gradings] = [createLatencies(), createLatencies()]
      for (const one of all) {
        calls.merge(one.calls)
        gradings.merge(one.gradings)
      }
      const quantiles = [calls, gradings].flatMap((times) => [times.quantile(0.5), times.quantile(0.99)])
      const times = [median(all.map(({ first }) => first)), last(), ...quantiles].map((ms) => ms.toFixed(0))
      return [...times, String(all.reduce((sum, { errors }) => sum + errors, 0))]
    },
  }
}

const write = (line: string) => void process.stdout.write(`${line}\n`)
