import { createLedger } from '../src/ledger/ledger.ts'
import type { BenchDatabase } from './bench-database.ts'
import { oldDays } from './growth-fill.ts'
import type { Seen } from './processes.ts'

/** Deletes what is old as a server's housekeeping does, while the load runs, and has it run alone before and after. */
export async function measureRetention(database: BenchDatabase, hot: () => Promise<Seen>, rounds: number) {
  const ledger = createLedger({ ...database, budget: undefined, now: Date.now })
  const quiet: Seen[] = []
  const during: Seen[] = []
  const alone = async () => {
    for (let round = 0; round < rounds; round += 1) quiet.push(await hot())
  }
  await alone()
  const began = performance.now()
  let seconds = Number.NaN
  const deleting = ledger.deleteRollouts(oldDays).finally(() => {
    seconds = (performance.now() - began) / 1000
  })
  while (Number.isNaN(seconds)) during.push(await hot())
  const { rollouts } = await deleting
  await alone()
  return { quiet, during, seconds, rollouts }
}
