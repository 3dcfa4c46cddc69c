import { z } from 'zod'
import { parseExactly } from '../../base/exact-json.ts'
import { canonicalJson } from '../../base/json.ts'

/** A row of a dataset as it was read: a JSON object, with a bigint for every integer that a number would round. */
export type Row = Readonly<Record<string, unknown>>

const rowShape = z.record(z.string(), z.unknown())

/** Reads the row of a line, or returns why it has none. */
export function readRow(text: string): { readonly row: Row } | { readonly problem: string } {
  try {
    const row = rowShape.safeParse(parseExactly(text))
    return row.success ? { row: row.data } : { problem: 'is JSON, but not an object' }
  } catch {
    return { problem: `is not valid JSON${syntaxProblem(text)}` }
  }
}

/** What Python and JavaScript write that is not JSON. */
function syntaxProblem(text: string): string {
  const [word] =
    text.replaceAll(/"[^"\\]*(?:\\.[^"\\]*)*"/gs, '""').match(/-?\b(?:NaN|Infinity)\b|\b(?:None|True|False)\b/) ?? []
  if (word !== undefined) return `: ${word} is not a JSON value`
  return /^\s*\{.*\}\s*$/s.test(text) ? '' : ': the object does not end on this line'
}

/** A tool as a row defines it. */
export const rowTool = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({
    name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
    description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
  }),
})

/** A tool as a row defines it. */
export type RowTool = z.infer<typeof rowTool>

/** Roles of the public description of the format, and `system`, which Azure does not support. */
export const knownRoles = ['developer', 'user', 'assistant', 'tool', 'system'] as const

const part = z.union([
  z.string(),
  z.looseObject({ type: z.enum(['text', 'input_text']), text: z.string() }),
  z.looseObject({ type: z.enum(['image_url', 'input_image']) }),
  z.looseObject({ type: z.literal('refusal') }),
])
const message = z.looseObject({
  role: z.enum(knownRoles),
  content: z.union([z.string(), z.array(part)]).nullish(),
})

/** Messages as a trainer accepts them: text and images only. */
export const rowMessages = z.array(message).min(1)

/** A message of a row. */
export type RowMessage = z.infer<typeof message>

/** All text of a message; each part starts a new line. */
export function textOfMessage({ content }: RowMessage): string {
  if (typeof content === 'string') return content
  const texts = (content ?? []).map((one) => {
    if (typeof one === 'string') return one
    return 'text' in one && typeof one.text === 'string' ? one.text : ''
  })
  return texts.join('\n')
}

/**
 * The identity of a row's item: its messages, ignoring white space and the order of keys. The rows of one item belong to
 * the same side of a split.
 */
export function itemKey(row: Row): string {
  return canonicalJson(withEvenSpaces(row['messages']))
}

/**
 * The identity of a row: two rows are duplicates if their messages and references are equal, or, without a reference, all
 * their fields except `id` and `tools`.
 */
export function rowKey(row: Row, reference: unknown): string {
  const { id: _, tools: __, ...rest } = row
  const compared = reference === undefined ? rest : { messages: row['messages'], reference }
  return canonicalJson(withEvenSpaces(compared))
}

function withEvenSpaces(value: unknown): unknown {
  if (typeof value === 'string') return value.normalize('NFC').replace(/\s+/g, ' ').trim()
  if (Array.isArray(value)) return value.map(withEvenSpaces)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withEvenSpaces(inner)]))
}
