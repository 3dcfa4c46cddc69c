import { createLatencies, type Latencies } from './latencies.ts'
import type { Seen } from './processes.ts'

/** Something to measure. */
export interface Case {
  readonly id: string
  readonly name: string
  readonly measure: () => Promise<Seen>
}

/** The result of a case over all rounds. */
export interface Summary {
  /** Mean of the rounds, in responses per second. */
  readonly rate: number
  /** For each round, the ratio to the mean of the references just before and just after. */
  readonly ratios: readonly number[]
  readonly latencies: Latencies
  readonly errors: number
}

/**
 * Measures every case once per round, with the reference between any two, because the speed of a machine and its disk
 * changes from one second to the next. Gives the results by the id of the case, the reference included, whose
 * ratios, each to the one before it, show how noisy the machine was.
 */
export async function measureInRounds(
  reference: Case,
  cases: readonly Case[],
  rounds: number,
  onMeasured: (done: number, total: number) => void = () => {},
): Promise<ReadonlyMap<string, Summary>> {
  const slices = new Map<string, { seen: Seen; ratio: number }[]>([[reference.id, []]])
  const put = (id: string, seen: Seen, ratio: number) => slices.set(id, [...(slices.get(id) ?? []), { seen, ratio }])
  const total = rounds * cases.length
  let before = await reference.measure()
  if (cases.length === 0) put(reference.id, before, 1)
  for (let done = 0; done < total; done += 1) {
    const one = cases[done % cases.length]
    if (one === undefined) break
    const seen = await one.measure()
    const after = await reference.measure()
    put(one.id, seen, seen.rate / ((before.rate + after.rate) / 2))
    put(reference.id, after, after.rate / before.rate)
    before = after
    onMeasured(done + 1, total)
  }
  const summaries = [...slices].map(([id, list]): [string, Summary] => {
    const ratios = list.map(({ ratio }) => ratio)
    return [
      id,
      summarize(
        list.map(({ seen }) => seen),
        ratios,
      ),
    ]
  })
  return new Map(summaries)
}

/** Combines several measurements of one case; the caller gives the ratios. */
export function summarize(slices: readonly Seen[], ratios: readonly number[] = []): Summary {
  const latencies = createLatencies()
  for (const { latencies: of } of slices) latencies.merge(of.counts)
  return {
    rate: slices.reduce((sum, { rate }) => sum + rate, 0) / slices.length,
    ratios,
    latencies,
    errors: slices.reduce((sum, { errors }) => sum + errors, 0),
  }
}
