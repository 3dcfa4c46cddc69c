import { z } from 'zod'
import { canonicalJson } from '../../base/json.ts'

/** A row of a dataset as it was read: an object of JSON. */
export type Row = Readonly<Record<string, unknown>>

const rowShape = z.record(z.string(), z.unknown())

/** The row that a line holds, or why it holds none. */
export function readRow(text: string): { readonly row: Row } | { readonly problem: string } {
  try {
    const row = rowShape.safeParse(JSON.parse(text))
    return row.success ? { row: row.data } : { problem: 'is JSON, but no object' }
  } catch (error) {
    return { problem: `is no JSON: ${error instanceof Error ? error.message : String(error)}` }
  }
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

/** Roles that the public description of the format has; and `system`, which Azure says it does not support. */
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

/** Messages as a trainer reads them: text and images alone. */
export const rowMessages = z.array(message).min(1)

/** A message of a row. */
export type RowMessage = z.infer<typeof message>

/** All text of a message, its parts on lines of their own. */
export function textOfMessage({ content }: RowMessage): string {
  if (typeof content === 'string') return content
  const texts = (content ?? []).map((one) => {
    if (typeof one === 'string') return one
    return 'text' in one && typeof one.text === 'string' ? one.text : ''
  })
  return texts.join('\n')
}

/**
 * What makes two rows the same item: their messages, whatever their white space and the order of keys. The rows of one
 * item belong to the same side of a split.
 */
export const itemKey = (row: Row): string => canonicalJson(evenSpaces(row['messages']))

/** What makes two rows duplicates: the same messages and the same reference, or, without one, all but id and tools. */
export function rowKey(row: Row, reference: unknown): string {
  const { id: _, tools: __, ...rest } = row
  return canonicalJson(evenSpaces(reference === undefined ? rest : { messages: row['messages'], reference }))
}

function evenSpaces(value: unknown): unknown {
  if (typeof value === 'string') return value.normalize('NFC').replace(/\s+/g, ' ').trim()
  if (Array.isArray(value)) return value.map(evenSpaces)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, evenSpaces(inner)]))
}
