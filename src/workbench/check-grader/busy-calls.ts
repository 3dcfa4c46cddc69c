import { z } from 'zod'
import { contentHash } from '../../base/json.ts'
import type { Grader } from '../../kit/define-grader.ts'
import type { CheckRow, SketchedCall } from './rows.ts'
import { shareOf } from './try-answer.ts'

/** A tool as far as a call of it can be made up. */
export interface ToolSketch {
  readonly name: string
  /** Its arguments that take a text. */
  readonly inputs: readonly string[]
}

/** What a dataset's attacks are made of. */
export interface AttackMaterial {
  readonly rows: readonly CheckRow[]
  readonly references: readonly (string | undefined)[]
  readonly grader: Pick<Grader, 'range'>
  /** The tools that a rollout can call, beside those that labelled answers called. */
  readonly tools?: readonly ToolSketch[]
}

const schema = z.looseObject({ properties: z.record(z.string(), z.looseObject({ type: z.unknown() })) })

/** Sketches tools by the JSON Schemas of their arguments. */
export function sketchTools(
  tools: readonly { readonly name: string; readonly parameters: Readonly<Record<string, unknown>> }[],
): readonly ToolSketch[] {
  return tools.map(({ name, parameters }) => {
    const properties = schema.safeParse(parameters).data?.properties ?? {}
    return { name, inputs: Object.keys(properties).filter((key) => properties[key]?.type === 'string') }
  })
}

/** A call's text is no longer than this: what a model could have taken from a search, not an item's whole message. */
const longestText = 200
/** What a rollout without a budget could do. */
const mostCalls = 100

/**
 * Makes the calls of a model that does everything, the item's own first: all that labelled answers called, and each tool with
 * every short text of the items, references included. Only those that a worthless answer to the item made give anything: what
 * others would have given is not known.
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
    return [...different.values()].slice(0, mostCalls)
  }
}

/** The calls of the answers to an item of which a person says that they are worth nothing, or next to it. */
export function idleCalls({ answers }: CheckRow, grader: Pick<Grader, 'range'>): readonly SketchedCall[] {
  return answers.filter(({ label }) => shareOf(label, grader) <= nextToNothing).flatMap(({ trajectory }) => trajectory)
}

const nextToNothing = 0.1

const silent = (tool: string, args: unknown): SketchedCall => ({ tool, arguments: args, output: '', outcome: 'ok' })

/** The tools that labelled answers called, with the texts that they were given. */
function sketchesOf(rows: readonly CheckRow[]): readonly ToolSketch[] {
  const inputs = new Map<string, Set<string>>()
  for (const { tool, arguments: args } of rows.flatMap(({ answers }) => answers.flatMap((one) => one.trajectory))) {
    const texts = Object.entries(z.record(z.string(), z.unknown()).safeParse(args).data ?? {})
      .filter(([, value]) => typeof value === 'string')
      .map(([key]) => key)
    inputs.set(tool, new Set([...(inputs.get(tool) ?? []), ...texts]))
  }
  return [...inputs].map(([name, keys]) => ({ name, inputs: [...keys] }))
}

/** The short texts of a value, at any depth. */
function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.length > 0 && value.length <= longestText ? [value] : []
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}
