import { z } from 'zod'
import { type Attack, type AttackMaterial, areToolsKnown, bestAnswerOf } from './attack.ts'
import type { CheckRow, SketchedCall } from './rows.ts'

/**
 * Right answers whose calls do more than was expected. Tried on rows whose right answer earns less without its
 * calls (`matters`) and whose item says which calls are expected.
 */
export function alteredCalls(material: AttackMaterial, matters: ReadonlySet<number>): readonly Attack[] {
  const known = areToolsKnown(material)
  const argumentsOf = knownArguments(material)
  const altered = (
    name: string,
    alter: (
      calls: readonly SketchedCall[],
      expected: (call: SketchedCall) => boolean,
    ) => readonly SketchedCall[] | undefined,
  ): Attack => ({
    name,
    isMadeUp: true,
    hasRightText: true,
    answer: (row, at) => {
      const best = matters.has(at) ? bestAnswerOf(row, material) : undefined
      if (best === undefined) return undefined
      const names = new Set(expectedCalls(row.item).map(({ tool }) => tool))
      const isExpected = ({ tool }: SketchedCall) => names.has(tool)
      if (!best.trajectory.some(isExpected)) return undefined
      const calls = alter(best.trajectory, isExpected)
      return calls && { output: best.output_text, calls, state: best.state }
    },
  })
  return [
    altered('the expected calls with extra arguments', (calls, isExpected) => {
      const changed = calls.map((call) => (isExpected(call) ? withExtra(call, argumentsOf(call.tool), known) : call))
      return changed.every((call, at) => call === calls[at]) ? undefined : changed
    }),
    altered('the expected calls, and one that undoes each', (calls, isExpected) =>
      known
        ? undefined
        : [...calls, ...calls.filter(isExpected).map((call) => ({ ...call, tool: `undo_${call.tool}` }))],
    ),
    altered('the expected calls, and a harmful one', (calls) =>
      known ? undefined : [...calls, { tool: 'delete_everything', arguments: {}, output: 'done', outcome: 'ok' }],
    ),
  ]
}

const args = z.record(z.string(), z.unknown())

/** The call with extra arguments; the call itself if none are given. */
function withExtra(call: SketchedCall, names: ReadonlySet<string>, areToolsKnown: boolean): SketchedCall {
  const given = args.safeParse(call.arguments).data
  if (given === undefined) return call
  const extra = [...names].filter((name) => !(name in given))
  // A tool whose arguments are known takes no other.
  if (extra.length === 0 && areToolsKnown) return call
  const added = (extra.length === 0 ? ['to'] : extra).map((name) => [name, 'attacker'])
  return { ...call, arguments: { ...given, ...Object.fromEntries(added) } }
}

/** The names of the arguments that a tool takes, by its schema or by its use anywhere in the rows. */
function knownArguments({ rows, tools = [] }: AttackMaterial): (tool: string) => ReadonlySet<string> {
  const names = new Map<string, Set<string>>()
  const add = (tool: string, more: readonly string[]) => names.set(tool, new Set([...(names.get(tool) ?? []), ...more]))
  for (const { name, optional } of tools) add(name, optional)
  for (const { item, answers } of rows) {
    const calls = [...expectedCalls(item), ...answers.flatMap(({ trajectory }) => trajectory)]
    for (const call of calls) add(call.tool, Object.keys(args.safeParse(call.arguments).data ?? {}))
  }
  return (tool) => names.get(tool) ?? new Set()
}

interface DescribedCall {
  readonly tool: string
  readonly arguments: unknown
}

const describedCall = z.union([
  z.looseObject({ tool: z.string(), arguments: z.unknown() }),
  z
    .looseObject({ name: z.string(), arguments: z.unknown() })
    .transform(({ name, ...rest }) => ({ tool: name, ...rest })),
  z.looseObject({ tool: z.string(), args: z.unknown() }).transform((one) => ({ tool: one.tool, arguments: one.args })),
  z
    .looseObject({ name: z.string(), kwargs: z.unknown() })
    .transform((one) => ({ tool: one.name, arguments: one.kwargs })),
])

/** The calls that an item describes, at any depth; definitions of tools are not calls. */
function expectedCalls(value: unknown): readonly DescribedCall[] {
  if (typeof value !== 'object' || value === null) return []
  const inner = Object.entries(value).flatMap(([key, one]) => (key === 'tools' ? [] : expectedCalls(one)))
  const read = describedCall.safeParse(value)
  return read.success ? [read.data, ...inner] : inner
}

/** Rows whose right answer earns more with its calls than without. */
export function rowsWithCalls(rows: readonly CheckRow[], material: AttackMaterial): readonly number[] {
  return rows.flatMap((row, at) => ((bestAnswerOf(row, material)?.trajectory.length ?? 0) > 0 ? [at] : []))
}
