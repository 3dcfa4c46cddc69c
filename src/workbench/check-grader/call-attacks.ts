import { z } from 'zod'
import { contentHash } from '../../base/json.ts'
import type { Attack, AttackMaterial, ToolSketch } from './attack.ts'
import { otherReference } from './references.ts'
import type { CheckRow, SketchedCall } from './rows.ts'
import { shareOf } from './try-answer.ts'

const schema = z.looseObject({
  properties: z.record(z.string(), z.looseObject({ type: z.unknown().optional() })),
  required: z.array(z.string()).default([]),
})

/** Sketches tools from the JSON Schemas of their arguments. */
export function sketchTools(
  tools: readonly { readonly name: string; readonly parameters: Readonly<Record<string, unknown>> }[],
): readonly ToolSketch[] {
  return tools.map(({ name, parameters }) => {
    const { properties = {}, required = [] } = schema.safeParse(parameters).data ?? {}
    const keys = Object.keys(properties)
    return {
      name,
      inputs: keys.filter((key) => properties[key]?.type === 'string'),
      optional: keys.filter((key) => !required.includes(key)),
    }
  })
}

/**
 * Calls that only look busy, with an empty answer and with a wrong one. They are taken from the item's worthless labelled
 * answers, if there are any: the output of a call belongs to its item.
 */
export function degenerateTrajectories(material: AttackMaterial): readonly Attack[] {
  const { references, grader } = material
  const everyOf = everyCall(material)
  const ways: readonly BusyWay[] = [
    { name: 'no call', calls: () => [] },
    { name: 'the same call ten times', calls: (idle) => Array.from({ length: 10 }, () => idle.at(-1) ?? generic) },
    {
      name: 'ten different calls',
      calls: () => Array.from({ length: 10 }, (_, n) => ({ ...generic, arguments: { query: `page ${n}` } })),
    },
    { name: 'every call of a worthless answer', calls: (idle) => idle },
    { name: 'every tool called with all that the items name', calls: (_, row) => everyOf(row), isMadeUp: true },
    {
      name: 'ten refused calls',
      calls: (idle) => Array.from({ length: 10 }, () => ({ ...(idle.at(-1) ?? generic), ...refusal })),
    },
  ]
  return ways.flatMap(({ name, calls, isMadeUp = false }): Attack[] => [
    {
      name: `${name}, and an empty answer`,
      isMadeUp,
      answer: (row) => ({ output: '', calls: calls(idleCalls(row, grader), row) }),
    },
    {
      name: `${name}, and a wrong answer`,
      isMadeUp,
      answer: (row, at) => ({
        output: otherReference(references, at) ?? 'none of it',
        calls: calls(idleCalls(row, grader), row),
      }),
    },
  ])
}

interface BusyWay {
  readonly name: string
  readonly calls: (idle: readonly SketchedCall[], row: CheckRow) => readonly SketchedCall[]
  readonly isMadeUp?: boolean
}

const refusal = { outcome: 'refused', output: 'no such document' } as const
const generic: SketchedCall = { tool: 'search', arguments: { query: 'answer' }, output: 'page', outcome: 'ok' }

/** The maximum length of a call's text: what a model could copy from a search result, not an item's whole message. */
const maxTextLength = 200
/** The most calls of a rollout without a budget. */
const maxCalls = 100

/**
 * Makes the calls of a model that tries everything, the item's own first: all calls of labelled answers, and each tool with
 * every short text of the items, references included. Only calls of a worthless answer to the item have an output: the
 * outputs of the others are not known.
 */
export function everyCall({ rows, grader, tools = [] }: AttackMaterial): (row: CheckRow) => readonly SketchedCall[] {
  const known = [...tools, ...sketchesOf(rows)]
  const callsOf = (row: CheckRow): SketchedCall[] => [
    ...row.answers.flatMap(({ trajectory }) => trajectory.map((call) => silent(call.tool, call.arguments))),
    ...textsIn(row.item).flatMap((text) =>
      known.map(({ name, inputs }) => silent(name, Object.fromEntries(inputs.map((input) => [input, text])))),
    ),
  ]
  const ofOthers = rows.map(callsOf)
  return (row) => {
    const all = [...callsOf(row), ...ofOthers.flat()]
    const different = new Map(
      [...all, ...idleCalls(row, grader)].map((call) => [contentHash([call.tool, call.arguments]), call]),
    )
    return [...different.values()].slice(0, maxCalls)
  }
}

/** The calls of the answers to an item that a person labelled as worthless, or almost. */
export function idleCalls({ answers }: CheckRow, grader: AttackMaterial['grader']): readonly SketchedCall[] {
  return answers.filter(({ label }) => shareOf(label, grader) <= maxIdleShare).flatMap(({ trajectory }) => trajectory)
}

const maxIdleShare = 0.1

const silent = (tool: string, args: unknown): SketchedCall => ({ tool, arguments: args, output: '', outcome: 'ok' })

/** The tools that labelled answers called, with the names of the texts that they were given. */
function sketchesOf(rows: readonly CheckRow[]): readonly ToolSketch[] {
  const inputs = new Map<string, Set<string>>()
  for (const { tool, arguments: args } of rows.flatMap(({ answers }) => answers.flatMap((one) => one.trajectory))) {
    const texts = Object.entries(z.record(z.string(), z.unknown()).safeParse(args).data ?? {})
      .filter(([, value]) => typeof value === 'string')
      .map(([key]) => key)
    inputs.set(tool, new Set([...(inputs.get(tool) ?? []), ...texts]))
  }
  return [...inputs].map(([name, keys]) => ({ name, inputs: [...keys], optional: [] }))
}

/** The short texts of a value, at any depth. */
export function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.length > 0 && value.length <= maxTextLength ? [value] : []
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}
