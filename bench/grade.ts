import { parseArgs } from 'node:util'
import { z } from 'zod'
import type { Cleanup } from './cleanup.ts'
import { measureInRounds, type Summary } from './rounds.ts'
import { seedItems, seedRollouts } from './seed.ts'
import { setStage } from './stage.ts'
import { type Asked, formatHead, formatRow } from './table.ts'

const connections = 64
const mostPerSecond = 8_000

/** Measures gradings of rollouts of ten calls by a trivial grader, against the same server's bare route. */
export const gradeBench = {
  name: 'grade',
  usage: 'grade [SECONDS] [--rounds N]',
  about: 'the rate of gradings of rollouts of ten calls, and of the same gradings repeated',
  async run(args: readonly string[], env: NodeJS.ProcessEnv, cleanup: Cleanup): Promise<void> {
    const options = { rounds: { type: 'string', default: '3' } } as const
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    const seconds = z.coerce
      .number()
      .positive()
      .parse(positionals[0] ?? '2')
    const rounds = z.coerce.number().int().positive().parse(values.rounds)
    const { where, database, measure } = await setStage(env, cleanup)
    const { sql } = database
    await seedItems(sql)
    // Each grading is of a new rollout: enough of them for a fast machine, in whole datasets.
    const count = Math.ceil((mostPerSecond * seconds) / connections) * connections
    for (let slice = 0; slice <= rounds + 1; slice += 1) {
      await seedRollouts(sql, { seed: 'grade', from: slice * count, count })
    }
    await sql`vacuum (analyze) tool_calls, rollouts, items`
    let slice = -1
    const once = { path: '/grade', requests: count / connections }
    const rollouts = (of: number) => ({ seed: 'grade', from: of * count, count })
    const fresh = () => {
      slice += 1
      return measure({ ...once, seconds, rollouts: rollouts(slice) })
    }
    // Rollouts of the last slice that have certainly been graded.
    const again = () => measure({ path: '/grade', seconds, rollouts: { ...rollouts(slice), count: connections * 10 } })
    const lone = () => measure({ path: '/grade', seconds: 1, connections: 1, rollouts: rollouts(rounds + 1) })
    const bare = () => measure({ path: '/bare', seconds: Math.max(1, seconds / 2) })
    for (const warm of [bare, fresh, again, bare]) await warm()
    write(where)
    write(`${rounds} rounds of ${seconds} s each, the bare route between any two; 64 connections\n`)
    const names = {
      bare: 'bare route: no ledger',
      fresh: 'grading a rollout of ten calls',
      again: 'the same grading again',
      lone: 'grading, one at a time',
    }
    const cases = [
      { id: 'fresh', name: names.fresh, measure: fresh },
      { id: 'again', name: names.again, measure: again },
      { id: 'lone', name: names.lone, measure: lone },
    ]
    const seen = await measureInRounds({ id: 'bare', name: names.bare, measure: bare }, cases, rounds)
    write(formatHead('bare'))
    for (const [id, name] of Object.entries(names)) {
      const summary = seen.get(id)
      if (summary !== undefined) write(formatRow({ name, ...figures(summary), asked: askedOf(id, summary) }))
    }
  },
}

const figures = ({ rate, ratios, latencies, errors }: Summary) => {
  return { rate, ratios, p50: latencies.quantile(0.5), p99: latencies.quantile(0.99), errors }
}

function askedOf(id: string, { rate }: Summary): Asked | undefined {
  return id === 'fresh' ? { text: '2,000/s', reached: rate >= 2_000 } : undefined
}

const write = (line: string) => void process.stdout.write(`${line}\n`)
