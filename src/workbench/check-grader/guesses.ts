import type { Attack, AttackMaterial } from './attack.ts'
import type { CheckRow } from './rows.ts'

/**
 * Lists that have all right elements and many wrong ones, for items whose right answer is a list: every element of one of
 * the item's lists of texts occurs in the right answer.
 */
export function guesses({ rows, references }: AttackMaterial): readonly Attack[] {
  const lists = rows.map((row, at) => rightList(row, references[at]))
  const all = [...new Set(lists.flatMap((list) => list ?? []))]
  return [3, 5].map((times) => ({
    name: `a list ${times === 3 ? 'three' : 'five'} times as long as the right one`,
    answer: (_, at) => {
      const list = lists[at]
      if (list === undefined) return undefined
      const elements = [...list, ...wrongElements(list, all, list.length * (times - 1))]
      const separator = references[at]?.includes('\n') ? '\n' : ', '
      return { output: elements.join(separator) }
    },
  }))
}

/** The longest list of short texts in an item whose elements all occur in the right answer. */
function rightList({ item }: CheckRow, reference: string | undefined): readonly string[] | undefined {
  if (reference === undefined) return undefined
  const answer = plain(reference)
  return listsIn(item)
    .filter(
      (list) => list.length > 0 && list.every((element) => plain(element) !== '' && answer.includes(plain(element))),
    )
    .toSorted((a, b) => b.length - a.length)[0]
}

function listsIn(value: unknown): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return [[...new Set(value)]]
  return Object.values(value).flatMap(listsIn)
}

/** As many wrong elements: those of other items, then right ones with their last letter or digit changed. */
function wrongElements(right: readonly string[], all: readonly string[], count: number): readonly string[] {
  const wrong = all.filter((element) => !right.includes(element))
  for (let by = 1; wrong.length < count && by < 10; by += 1) {
    wrong.push(...right.map((element) => changed(element, by)).filter((element) => !right.includes(element)))
  }
  return wrong.slice(0, count)
}

function changed(element: string, by: number): string {
  if (/\d/.test(element)) return element.replace(/\d(?=\D*$)/, (digit) => String((Number(digit) + by) % 10))
  // Before the ending of a file name, so that it remains a path.
  return element.replace(/(?=\.\w+$)|$/, String(by))
}

const plain = (text: string) => text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '')
