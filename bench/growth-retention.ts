import { createLedger } from '../src/ledger/ledger.ts'
import type { BenchDatabase } from './bench-database.ts'
import { describeBeside, measureBeside } from './beside.ts'
import { oldDays } from './growth-fill.ts'
import type { Seen } from './processes.ts'

/** Deletes old rollouts as housekeeping does, while the load runs, and describes the effect on the load. */
export async function measureRetention(
  database: BenchDatabase,
  hot: () => Promise<Seen>,
  rounds: number,
  calls: number,
): Promise<string[]> {
  const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
  const beside = await measureBeside(hot, rounds, () => ledger.deleteRollouts(oldDays))
  const { seconds, result } = beside
  const names = { quiet: "effects: 'none'", during: "effects: 'none' while retention deletes" }
  return [
    `retention deleted ${result.rollouts} rollouts, ${calls} calls, in ${seconds.toFixed(1)} s`,
    ...describeBeside(beside, names, (_, p99) => {
      return { text: `p99 doubled at most (${p99.toFixed(2)} ×)`, reached: p99 <= 2 }
    }),
  ]
}
