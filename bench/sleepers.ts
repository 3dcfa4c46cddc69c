import { describeBeside, measureBeside } from './beside.ts'
import type { Stage } from './stage.ts'
import { formatAsked } from './table.ts'

const sleepers = 500

/**
 * Measures hot calls while 500 calls of an external tool sleep, on a server with four connections for the ledger and sixteen
 * for tools. SLEEP_SECONDS says how long the tool sleeps.
 */
export async function measureSleepers(stage: Stage, sleepSeconds: number, seconds: number): Promise<string[]> {
  const { measure, server, key } = stage
  const other = stage.addLoad()
  const hot = () => measure({ path: '/tools/none', seconds })
  const wish = { ports: [server.port], path: '/tools/sleep', kind: 'calls' as const, key, connections: sleepers }
  const sleep = () => other.measure({ ...wish, seconds: 3_600, requests: 1 })
  const beside = await measureBeside(hot, 3, sleep)
  const slept = beside.result
  const names = { quiet: "effects: 'none'", during: `effects: 'none' while ${sleepers} sleep` }
  const asked = { text: 'no error', reached: slept.errors === 0 && slept.latencies.total === sleepers }
  const longest = slept.latencies.quantile(1) / 1000
  return [
    ...describeBeside(beside, names, (rate) => ({ text: 'unhurt: 0.90', reached: rate >= 0.9 })),
    `${slept.latencies.total} calls slept ${sleepSeconds} s each at once, the last was answered after ${longest.toFixed(1)} s, ${slept.errors} errors; ${formatAsked(asked)}`,
  ]
}
