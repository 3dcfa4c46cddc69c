import type { Tool } from '../../kit/define-tool.ts'
import type { Db } from '../../kit/environment.ts'
import { rightAnswersOf } from './references.ts'
import type { CheckMaterial } from './try-all.ts'
import { type TriedAnswer, tryAnswer } from './try-answer.ts'

/** Whether the calls of labelled answers have to be made for a check to say anything, and whether they can be. */
export type Needs =
  /** The grader reads nothing but what it is given. */
  | { readonly kind: 'nothing' }
  /** The calls can be made; `skipped` are those of external tools, which are not. */
  | { readonly kind: 'calls'; readonly why: string; readonly skipped: readonly string[] }
  /** The grader reads the database, and no call can be made that fills it. */
  | { readonly kind: 'database'; readonly why: string }

/** How many answers are graded to find out. */
const maxProbes = 5

/**
 * Finds out what a grader needs by grading a few answers with a database that only records that it is used, and by the
 * effects of the tools that labelled answers call.
 */
export async function needsOf(material: CheckMaterial, tools: readonly Tool[]): Promise<Needs> {
  const { rows } = material
  const answers = rows.flatMap((row) => row.answers)
  const called = [...new Set(answers.flatMap(({ trajectory }) => trajectory.map(({ tool }) => tool)))]
  const effects = new Map(tools.map((tool) => [tool.name, tool.effects]))
  const unknown = called.filter((name) => !effects.has(name))
  const writes = called.filter((name) => effects.get(name) === 'database')
  const hasStates = answers.some(({ state }) => state !== undefined)
  const readsDatabase = await usesDatabase(material)
  if (!readsDatabase && (writes.length === 0 || hasStates || unknown.length > 0)) return { kind: 'nothing' }
  if (called.length === 0) return { kind: 'database', why: 'no labelled answer has calls' }
  if (unknown.length > 0)
    return { kind: 'database', why: `labelled answers call ${unknown.join(', ')}, which is not in tools/` }
  const skipped = called.filter((name) => effects.get(name) === 'external')
  const why = readsDatabase ? 'the grader reads the database' : `${writes.join(', ')} changes the state of a rollout`
  return { kind: 'calls', why, skipped }
}

/** Whether the grader touches the database for any of the first labelled or right answers. */
async function usesDatabase(material: CheckMaterial): Promise<boolean> {
  const { grader, rows, references, services } = material
  let isUsed = false
  const db: Db = new Proxy(services.db, {
    get(target, key) {
      isUsed = true
      return Reflect.get(target, key)
    },
  })
  const probes = rows.flatMap((row, at): readonly (readonly [item: unknown, answer: TriedAnswer])[] => {
    const [best] = rightAnswersOf(row, grader)
    if (best !== undefined) {
      return [[row.item, { output: best.output_text, calls: best.trajectory, state: best.state }]]
    }
    return [[row.item, { output: references[at] ?? '' }]]
  })
  for (const [item, answer] of probes.slice(0, maxProbes)) {
    if (!isUsed) await tryAnswer(grader, item, answer, { ...services, db })
  }
  return isUsed
}
