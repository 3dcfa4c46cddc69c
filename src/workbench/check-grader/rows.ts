import { z } from 'zod'
import { type ParseResult, readRecords } from '../../base/json-lines.ts'

const call = z.object({
  tool: z.string(),
  arguments: z.unknown(),
  output: z.string().default(''),
  outcome: z.enum(['ok', 'refused']).default('ok'),
})

const answer = z.object({
  output_text: z.string(),
  /** What it is worth in a person's judgement, in the grader's range. */
  label: z.number(),
  trajectory: z.array(call).default([]),
  /** The rollout's state at its end, for a grader that reads it. */
  state: z.unknown().optional(),
})

const labelledRow = z.object({ item: z.record(z.string(), z.unknown()), answers: z.array(answer).default([]) })
const bareRow = z.record(z.string(), z.unknown())

/** A tool call of an answer that is tried. */
export type SketchedCall = z.infer<typeof call>
/** An answer to an item with a person's judgement of it. */
export type LabelledAnswer = z.infer<typeof answer>

/** An item that a grader is checked with, and labelled answers to it, if there are any. */
export interface CheckRow {
  readonly item: Readonly<Record<string, unknown>>
  readonly answers: readonly LabelledAnswer[]
}

/**
 * Reads a row of a check: `{ "item": …, "answers": [ { "output_text", "label", … } ] }`, or a bare item as in a dataset.
 *
 * @throws ZodError for a value that is neither.
 */
export function readCheckRow(value: unknown): CheckRow {
  const read = parseCheckRow(value)
  if (!read.success) throw read.error
  return read.data
}

/** The same as {@link readCheckRow}, but returns the error. */
export function parseCheckRow(value: unknown, settings?: z.core.ParseContext<z.core.$ZodIssue>): ParseResult<CheckRow> {
  const labelled = labelledRow.safeParse(value, settings)
  if (labelled.success) return labelled
  const bare = bareRow.safeParse(value, settings)
  if (!bare.success) return bare
  // With both keys it was meant to be labelled: report what is wrong with the labels.
  const isLabelled = 'item' in bare.data && 'answers' in bare.data
  return isLabelled ? labelled : { success: true, data: { item: bare.data, answers: [] } }
}

/**
 * Reads the first rows of a file of items, JSON Lines, plain or gzip.
 *
 * @throws Error that names the line that is not an item.
 */
export function readRows(path: string, most: number): Promise<readonly CheckRow[]> {
  return readRecords(path, { most, what: 'an item', parse: parseCheckRow })
}
