import type { CallSum } from './call-sums.ts'
import type { GradingFact } from './facts.ts'
import {
  addMoments,
  type CommonAnswer,
  countAt,
  countIn,
  durationEdges,
  lengthEdges,
  type Moments,
  mergeSketches,
  momentsOf,
  mostFrequent,
  mostNames,
  noMoments,
  type Stats,
  scoreEdges,
} from './stats.ts'

type Outcome = GradingFact['outcome']

/** Collects facts of one bucket; much faster than adding {@link Stats} fact by fact. */
export interface Tally {
  /** Rollouts that began. */
  begin(count: number): void
  /** An item that came up for the first time in the bucket; undefined if the rollouts have no item. */
  item(hash: string): void
  grading(fact: GradingFact): void
  /** The best outcome of a rollout changed. */
  outcome(before: Outcome | null, now: Outcome): void
  /** The first score of a rollout, with the answer that it was given for. */
  score(fact: GradingFact, compression: number | undefined): void
  calls(count: number, isExhausted: boolean): void
  /** Calls that are summed already. */
  called(sum: CallSum): void
  groups(change: GroupChange): void
  stats(): Stats
}

/** By how much the numbers of groups change. */
export type GroupChange = Pick<Stats, 'groups' | 'flat' | 'solved' | 'unsolved'>

/** The name under which something is counted, so that a bucket has at most {@link mostNames} names of a kind. */
const nameIn = (known: ReadonlyMap<string, unknown>, name: string) =>
  known.has(name) || known.size < mostNames ? name : 'other'

/** Creates an empty tally. */
export function createTally(): Tally {
  let began = 0
  let items = 0
  let sketch: readonly string[] = []
  let score = noMoments
  let calls = noMoments
  let length = noMoments
  let compression = noMoments
  let exhausted = 0
  const outcomes = { scored: 0, failed: 0, ungradable: 0 }
  const groups = { groups: 0, flat: 0, solved: 0, unsolved: 0 }
  const scores: number[] = []
  const lengths: number[] = []
  const parts = new Map<string, Moments>()
  const codes = new Map<string, number>()
  const answers = new Map<string, { readonly text: string; readonly items: Set<string> }>()
  const graders = new Map<string, { scored: number; ungradable: number; failed: number; durations: number[] }>()
  const tools = new Map<string, { ok: number; refused: number; failed: number; durations: number[]; bytes: number }>()

  const countCode = (code: string, count = 1): void => {
    const name = nameIn(codes, code)
    codes.set(name, (codes.get(name) ?? 0) + count)
  }

  return {
    begin(count) {
      began += count
    },
    item(hash) {
      items += 1
      sketch = mergeSketches(sketch, [hash.slice(0, 8)])
    },
    grading(fact) {
      const name = nameIn(graders, fact.grader)
      const known = graders.get(name) ?? { scored: 0, ungradable: 0, failed: 0, durations: [] }
      known[fact.outcome] += 1
      countIn(known.durations, durationEdges, fact.duration_ms)
      graders.set(name, known)
      if (fact.code !== null) countCode(`grading ${fact.code}`)
    },
    outcome(before, now) {
      if (before !== null) outcomes[before] -= 1
      outcomes[now] += 1
    },
    score(fact, ratio) {
      if (fact.score === null) return
      score = addMoments(score, momentsOf(fact.score))
      countIn(scores, scoreEdges, fact.score)
      for (const [part, value] of Object.entries(fact.parts ?? {})) {
        const name = nameIn(parts, part)
        parts.set(name, addMoments(parts.get(name) ?? noMoments, momentsOf(value)))
      }
      if (ratio !== undefined) compression = addMoments(compression, momentsOf(ratio))
      if (fact.answer === null || fact.answer_hash === null || fact.characters === null) return
      length = addMoments(length, momentsOf(fact.characters))
      countIn(lengths, lengthEdges, fact.characters)
      const answer = answers.get(fact.answer_hash) ?? { text: fact.answer.slice(0, 80), items: new Set() }
      answers.set(fact.answer_hash, answer)
      answer.items.add(fact.item_hash)
    },
    calls(count, isExhausted) {
      calls = addMoments(calls, momentsOf(count))
      if (isExhausted) exhausted += 1
    },
    called({ tool, outcome, code, count, repeated, duration, bytes }) {
      const name = nameIn(tools, tool)
      const known = tools.get(name) ?? { ok: 0, refused: 0, failed: 0, durations: [], bytes: 0 }
      // Each execution but the latest has failed.
      known.failed += repeated
      known[outcome] += count
      known.bytes += bytes
      countAt(known.durations, duration, count)
      tools.set(name, known)
      if (code !== null) countCode(`call ${code}`, count)
    },
    groups(change) {
      groups.groups += change.groups
      groups.flat += change.flat
      groups.solved += change.solved
      groups.unsolved += change.unsolved
    },
    stats: () => ({
      began,
      ...outcomes,
      score,
      scores,
      parts: Object.fromEntries(parts),
      graders: Object.fromEntries(graders),
      codes: Object.fromEntries(codes),
      tools: Object.fromEntries(tools),
      calls,
      exhausted,
      length,
      lengths,
      compression,
      answers: mostFrequent(
        [...answers].map(([hash, { text, items }]): [string, CommonAnswer] => [hash, { count: items.size, text }]),
      ),
      ...groups,
      items,
      sketch,
    }),
  }
}
