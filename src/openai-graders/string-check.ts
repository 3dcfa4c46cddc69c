import { type Graded, scored } from './graded.ts'
import type { StringCheckGrader } from './single-graders.ts'

/**
 * Compares two texts as they are, white space and all: 1 or 0.
 *
 * `eq` equal, `ne` not equal, `like` the input contains the reference, `ilike` the same in lower case. Every text contains
 * an empty reference, which the reason says.
 *
 * @see https://platform.openai.com/docs/guides/graders (String check graders)
 */
export function checkStrings(operation: StringCheckGrader['operation'], input: string, reference: string): Graded {
  if (operation === 'eq' || operation === 'ne') {
    const equal = input === reference
    return scored(
      Number(equal === (operation === 'eq')),
      `the input ${equal ? 'equals' : 'does not equal'} the reference`,
    )
  }
  const contains =
    operation === 'like' ? input.includes(reference) : input.toLowerCase().includes(reference.toLowerCase())
  if (reference === '') return scored(1, 'the reference is empty, and every input contains that')
  const how = operation === 'like' ? '' : ', whatever the case'
  return scored(Number(contains), `the input ${contains ? 'contains' : 'does not contain'} the reference${how}`)
}
