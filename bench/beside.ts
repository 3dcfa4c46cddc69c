import type { Seen } from './processes.ts'
import { type Summary, summarize } from './rounds.ts'
import { type Asked, formatHead, formatRow } from './table.ts'

/** Calls while something else runs, and without it. */
export interface Beside<Result> {
  readonly quiet: Summary
  readonly during: Summary
  /** How long the other work took, in seconds. */
  readonly seconds: number
  readonly result: Result
}

/** Measures repeatedly while `work` runs, and `rounds` times before it and after it. */
export async function measureBeside<Result>(
  measure: () => Promise<Seen>,
  rounds: number,
  work: () => Promise<Result>,
): Promise<Beside<Result>> {
  const quiet: Seen[] = []
  const during: Seen[] = []
  const alone = async () => {
    for (let round = 0; round < rounds; round += 1) quiet.push(await measure())
  }
  await alone()
  const began = performance.now()
  let seconds = Number.NaN
  const working = work().finally(() => {
    seconds = (performance.now() - began) / 1000
  })
  while (Number.isNaN(seconds)) during.push(await measure())
  const result = await working
  await alone()
  return { quiet: summarize(quiet), during: summarize(during), seconds, result }
}

/** The lines of a report on it; `judge` compares the ratios of the rate and of the p99 to the quiet ones with a target. */
export function describeBeside(
  { quiet, during }: Beside<unknown>,
  names: { readonly quiet: string; readonly during: string },
  judge: (rate: number, p99: number) => Asked,
): string[] {
  const times = ({ latencies }: Summary) => ({ p50: latencies.quantile(0.5), p99: latencies.quantile(0.99) })
  const ratio = during.rate / quiet.rate
  const asked = judge(ratio, times(during).p99 / times(quiet).p99)
  return [
    formatHead('quiet'),
    formatRow({ name: names.quiet, rate: quiet.rate, ...times(quiet), errors: quiet.errors }),
    formatRow({
      name: names.during,
      rate: during.rate,
      ratios: [ratio],
      ...times(during),
      errors: during.errors,
      asked,
    }),
  ]
}
