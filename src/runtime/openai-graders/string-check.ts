import { findText } from '../../kit/scoring/find-text.ts'
import { type Graded, scored } from './graded.ts'
import type { StringCheckGrader } from './single-graders.ts'

/**
 * Compares two texts as they are, white space and all: 1 or 0.
 *
 * `eq` equal, `ne` not equal, `like` the input contains the reference, `ilike` the same in lower case. Every text contains
 * an empty reference, which the reason says. Linear in both lengths.
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
  const plain = (text: string) => (operation === 'like' ? text : text.toLowerCase())
  const contains = findText(plain(input), plain(reference)) >= 0
  if (reference === '') return scored(1, 'the reference is empty, and every input contains that')
  const how = operation === 'like' ? '' : ', whatever the case'
  return scored(Number(contains), `the input ${contains ? 'contains' : 'does not contain'} the reference${how}`)
}
