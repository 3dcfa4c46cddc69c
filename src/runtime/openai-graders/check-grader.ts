import { z } from 'zod'
import { describeIssues, showingValues } from '../../base/issues.ts'
import { longestFormula, parseFormula } from '../../kit/scoring/formula/formula.ts'
import { keyedGraders } from './keyed-graders.ts'
import { singleGraders } from './single-graders.ts'

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
/** A grader in OpenAI's JSON format, checked. */
export type OpenAiGrader = z.infer<typeof grader>

/** A grader that was checked, or what is wrong with it and where: `param` is the path of the first thing wrong. */
export type CheckedGrader =
  | { readonly ok: true; readonly grader: OpenAiGrader }
  | { readonly ok: false; readonly message: string; readonly param: string }

/**
 * Checks a grader in OpenAI's JSON format: its fields, the braces and paths of its templates, its formula. What comes
 * back is normalised: `neq` is `ne`, the graders of a multi grader stand by their keys, unknown fields are gone.
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
