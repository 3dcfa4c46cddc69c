import { randomBytes } from 'node:crypto'
import { z } from 'zod'

/** The body of a seed: a whole dataset row. */
export const rowBody = z.looseObject({ responses_create_params: z.looseObject({ input: z.unknown() }) })

export type Row = z.infer<typeof rowBody>

/** Of the parameters of a model's request, those that belong to the task; the others, such as the temperature, sample. */
const taskParameters: ReadonlySet<string> = new Set(['input', 'instructions', 'prompt', 'text', 'tools'])

/** Columns of the transport: which agent plays the row, and, in a verification, what the model answered. */
const transportColumns: ReadonlySet<string> = new Set(['agent_ref', 'response', 'responses_create_params'])

/**
 * The item of a row: the row without the columns of the transport and the sampling parameters, so that all rollouts of a
 * row have the same item. A row without `messages` gets them from its input, as tools and graders of other wires read them.
 */
export function itemOf(row: Row): Readonly<Record<string, unknown>> {
  const columns = Object.entries(row).filter(([name]) => !name.startsWith('_ng_') && !transportColumns.has(name))
  // Python clients send every parameter, most of them null.
  const parameters = Object.entries(row.responses_create_params).filter(
    ([name, value]) => taskParameters.has(name) && !isEmpty(value),
  )
  const params = Object.fromEntries(parameters)
  return { messages: messagesOf(params), ...Object.fromEntries(columns), responses_create_params: params }
}

const isEmpty = (value: unknown) =>
  value === null || value === undefined || (Array.isArray(value) && value.length === 0)

const textPart = z.object({ type: z.enum(['input_text', 'output_text', 'text']), text: z.string() })
const textParts = z.array(textPart).transform((parts) => parts.map(({ text }) => text).join(''))
const message = z.object({ role: z.string(), content: z.union([textParts, z.unknown()]) })

/** The messages of a request to a model. Content that is text alone becomes a string; what is no message is left out. */
function messagesOf({ instructions, input }: Readonly<Record<string, unknown>>): readonly unknown[] {
  const first = typeof instructions === 'string' ? [{ role: 'system', content: instructions }] : []
  if (typeof input === 'string') return [...first, { role: 'user', content: input }]
  const given: readonly unknown[] = Array.isArray(input) ? input : []
  const read = given.map((one) => message.safeParse(one)).flatMap(({ data }) => (data === undefined ? [] : [data]))
  return [...first, ...read]
}

const count = z.int().nonnegative()
const named = z.object({ _ng_rollout_id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/) })
const counted = z.object({ _ng_task_index: count, _ng_rollout_index: count })

/**
 * A new rollout id that begins with the client's own, so that a rollout is found by it; undefined if the row has none. The
 * client's id alone is not unique, because it counts from 0 in each collection.
 *
 * @example rolloutIdOf(row) // '12-3-8f14e45fceea'
 */
export function rolloutIdOf(row: Row): string | undefined {
  const { data: name } = named.safeParse(row)
  const { data: place } = counted.safeParse(row)
  const label = name?._ng_rollout_id ?? (place && `${place._ng_task_index}-${place._ng_rollout_index}`)
  return label === undefined ? undefined : `${label}-${randomBytes(6).toString('hex')}`
}
