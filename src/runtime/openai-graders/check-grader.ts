import { z } from 'zod'
import { describeIssues, showingValues } from '../../base/issues.ts'
import { longestFormula, parseFormula } from '../../kit/scoring/formula/formula.ts'
import { singleGraders } from './single-graders.ts'

/** The maximum of graders in a multi grader. */
const maxGraders = 64
const keyPattern = /^[\p{L}_][\p{L}\p{N}_]*$/u

/**
 * The `graders` of a multi grader by their keys. OpenAI's guide has an object by keys, its reference page a list, its SDK a
 * single grader. In a list, and alone, a grader's key is its name. A key is a name that the formula can use.
 *
 * @see https://platform.openai.com/docs/guides/graders (Multigraders)
 * @see https://platform.openai.com/docs/api-reference/graders/multi
 */
export const keyedGraders = z.unknown().transform((value, context): Record<string, unknown> => {
  const issue = (message: string, path: (string | number)[] = []) => {
    context.addIssue({ code: 'custom', message, path, input: value })
  }
  const keyed: Record<string, unknown> = {}
  const entries = entriesOf(value)
  if (entries === undefined) issue('must be an object of graders by their keys')
  else if (entries.length === 0) issue('must have at least 1 grader')
  else if (entries.length > maxGraders) issue(`must have at most ${maxGraders} graders`)
  else {
    for (const { key, grader, place } of entries) {
      if (key === undefined) issue('must have a name that the formula can use', place)
      else if (key === '__proto__' || !keyPattern.test(key)) {
        issue(`the formula cannot use ${JSON.stringify(key)}: use letters, digits and _`, place)
      } else if (Object.hasOwn(keyed, key)) issue(`two graders have the name "${key}"`, place)
      else if (isObject(grader) && grader['type'] === 'multi') issue('a multi grader cannot contain another one', place)
      else keyed[key] = grader
    }
  }
  return keyed
})

function entriesOf(
  value: unknown,
): { key: string | undefined; grader: unknown; place: (string | number)[] }[] | undefined {
  if (Array.isArray(value)) return value.map((grader, index) => ({ key: nameOf(grader), grader, place: [index] }))
  if (!isObject(value)) return undefined
  if (typeof value['type'] === 'string') return [{ key: nameOf(value), grader: value, place: [] }]
  return Object.entries(value).map(([key, grader]) => ({ key, grader, place: [key] }))
}

function nameOf(grader: unknown): string | undefined {
  return isObject(grader) && typeof grader['name'] === 'string' ? grader['name'] : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const oneOfTypes = (types: readonly string[]) => ({
  error: (issue: z.core.$ZodRawIssue) =>
    issue.code === 'invalid_union' ? `must be one of ${types.map((type) => `"${type}"`).join(', ')}` : undefined,
})
const types = singleGraders.map(({ shape }) => shape.type.value)

const multi = z
  .object({
    type: z.literal('multi'),
    name: z.string().nullish(),
    graders: keyedGraders.pipe(z.record(z.string(), z.discriminatedUnion('type', singleGraders, oneOfTypes(types)))),
    calculate_output: z.string().max(longestFormula),
  })
  .superRefine(({ graders, calculate_output }, context) => {
    const read = parseFormula(calculate_output, Object.keys(graders))
    if (read.ok) return
    context.addIssue({ code: 'custom', path: ['calculate_output'], message: read.problem.message })
  })

const grader = z.discriminatedUnion('type', [...singleGraders, multi], oneOfTypes([...types, 'multi']))

/** Combines the scores of other graders by a formula over their keys. */
export type MultiGrader = z.infer<typeof multi>
/** A checked grader in OpenAI's JSON format. */
export type OpenAiGrader = z.infer<typeof grader>

/** A checked grader, or what is wrong with it; `param` is the path of the first problem. */
export type CheckedGrader =
  | { readonly ok: true; readonly grader: OpenAiGrader }
  | { readonly ok: false; readonly message: string; readonly param: string }

/**
 * Checks a grader in OpenAI's JSON format: its fields, the braces and paths of its templates, its formula. The result is
 * normalised: `neq` becomes `ne`, the graders of a multi grader are an object by their keys, unknown fields are dropped.
 *
 * @example
 * checkGrader({ type: 'string_check', input: '{{item.x', reference: 'a', operation: 'eq' })
 * // { ok: false, param: 'grader.input', message: 'grader.input: this "{{" is never closed by "}}" (character 1)' }
 */
export function checkGrader(value: unknown): CheckedGrader {
  const checked = grader.safeParse(value, showingValues)
  if (checked.success) return { ok: true, grader: checked.data }
  const path = checked.error.issues[0]?.path ?? []
  const param = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')
  return { ok: false, message: describeIssues(checked.error, 'grader'), param: `grader${param}` }
}
