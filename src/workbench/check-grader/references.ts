import { z } from 'zod'
import type { Grader } from '../../kit/define-grader.ts'
import type { CheckRow, LabelledAnswer } from './rows.ts'
import { shareOf } from './try-answer.ts'

/** The fields in which datasets usually keep the right answer, the most usual first. */
const usual = ['reference_answer', 'target', 'answer', 'label', 'expected', 'solution']

const value = z.union([
  z.string().min(1),
  z.number().transform(String),
  z
    .array(z.string())
    .min(1)
    .transform((list) => list.join(', ')),
])

/** An answer with a label of at least this share of the range is right. */
const full = 0.9

/** The answers that a person labelled as right, those worth most first. */
export function rightAnswersOf({ answers }: CheckRow, grader: Pick<Grader, 'range'>): readonly LabelledAnswer[] {
  return answers.filter(({ label }) => shareOf(label, grader) >= full).sort((a, b) => b.label - a.label)
}

/**
 * A right answer to each row, in the order of the rows: the right labelled answer; else the item's field of that name; else,
 * if no row has labels, the first of the usual fields. Undefined for a row without any.
 */
export function referencesOf(
  rows: readonly CheckRow[],
  grader: Pick<Grader, 'range'>,
  field?: string,
): readonly (string | undefined)[] {
  // If there are labelled answers, a field with a usual name is hardly written like an answer.
  const labelled = rows.some(({ answers }) => answers.length > 0)
  const fields = field !== undefined ? [field] : labelled ? [] : usual
  return rows.map((row) => {
    const right = rightAnswersOf(row, grader)[0]?.output_text
    if (right !== undefined) return right
    for (const name of fields) {
      const read = value.safeParse(row.item[name])
      if (read.success) return read.data
    }
    return undefined
  })
}

/** What an item asks: its last user message, or its longest text. */
export function questionOf(item: Readonly<Record<string, unknown>>): string {
  const messages = z.array(z.looseObject({ role: z.string(), content: z.string() })).safeParse(item['messages'])
  const asked = messages.data?.findLast(({ role }) => role === 'user')?.content
  if (asked !== undefined) return asked
  const texts = Object.values(item).filter((field) => typeof field === 'string')
  return texts.sort((a, b) => b.length - a.length)[0] ?? ''
}

/** Whether two answers are the same in different formats: 0 is 0.00, and 1 is 100 %. */
export function saysTheSame(one: string, other: string): boolean {
  if (bare(one) === bare(other)) return true
  const [first, second] = [numberOf(one), numberOf(other)]
  if (first === second) return true
  return one.includes('%') !== other.includes('%') && (isNear(first * 100, second) || isNear(first, second * 100))
}

/** In floating point, 0.07 times 100 is not 7. */
const isNear = (one: number, other: number) => Math.abs(one - other) <= 1e-12 * Math.abs(one)

/** The value of a text that is a number; NaN, which equals nothing, for other texts. */
function numberOf(text: string): number {
  const number = bare(text)
  return /^[+-]?(?:\d+\.?\d*|\.\d+)$/u.test(number) ? Number(number) : Number.NaN
}

// A point inside a number belongs to it: 12.5 is not 125.
const bare = (text: string) => text.toLowerCase().replace(/[\s,$%*`_]|\.(?!\d)/gu, '')

/** The text that occurs most often; undefined if there are no texts. */
export function mostCommon(texts: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0]
}

/** The first right answer after this one that differs from it. */
export function otherReference(references: readonly (string | undefined)[], at: number): string | undefined {
  const mine = references[at]
  return [...references.slice(at + 1), ...references.slice(0, at)].find((one) => one !== undefined && one !== mine)
}
