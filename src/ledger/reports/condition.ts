/** How a field is compared with a value. */
export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>='

/** A condition on a rollout; `score`, `part`, `outcome`, `version` and `code` are those of one of its gradings. */
export type Condition =
  | { readonly field: 'score' | 'calls'; readonly is: Comparison; readonly value: number }
  | { readonly field: 'part'; readonly part: string; readonly is: Comparison; readonly value: number }
  | { readonly field: 'outcome' | 'version' | 'code' | 'tool'; readonly is: '=' | '!='; readonly value: string }

/**
 * The SQL of a condition. A missing value equals nothing: for it, only `!=` holds.
 *
 * @param given adds a value to the parameters and returns its placeholder
 * @param names the alias of the grading's row, and the columns with the run and the attempt's number
 */
export function conditionText(
  condition: Condition,
  given: (value: string) => string,
  { grading, run, rollout }: { readonly grading: string; readonly run: string; readonly rollout: string },
): string {
  const own = `c.run = ${run} and c.rollout = ${rollout}`
  const compared = (what: string, is: Comparison, value: string) =>
    is === '!=' ? `${what} is distinct from ${value}` : `${what} ${is} ${value}`
  switch (condition.field) {
    case 'score':
      return compared(`${grading}.score`, condition.is, `${given(String(condition.value))}::float8`)
    case 'part':
      return compared(
        `(${grading}.parts ->> ${given(condition.part)})::float8`,
        condition.is,
        `${given(String(condition.value))}::float8`,
      )
    case 'calls': {
      const calls = `(select count(*) from tool_calls c where ${own})`
      return compared(calls, condition.is, `${given(String(condition.value))}::float8`)
    }
    case 'tool': {
      const called = `exists (select from tool_calls c where ${own} and c.tool = ${given(condition.value)})`
      return condition.is === '=' ? called : `not ${called}`
    }
    default:
      return compared(`${grading}.${condition.field}`, condition.is, given(condition.value))
  }
}

/**
 * The SQL of whether a run is among names and patterns such as `exp-*`.
 *
 * @param parameter the placeholder of the names and patterns as a JSON list; null chooses all runs
 */
export const isAmong = (run: string, parameter: string): string => `(${parameter}::text is null or exists (
  select from jsonb_array_elements_text(${parameter}::text::jsonb) as a(pattern)
  where case when right(pattern, 1) = '*' then starts_with(${run}, left(pattern, -1)) else ${run} = pattern end))`
