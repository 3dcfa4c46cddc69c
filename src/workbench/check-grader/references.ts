import { z } from 'zod'
import type { Grader } from '../../kit/define-grader.ts'
import type { CheckRow, LabelledAnswer } from './rows.ts'
import { shareOf } from './try-answer.ts'

/** The fields under which datasets keep what is right, the most usual first. */
const usual = ['reference_answer', 'target', 'answer', 'label', 'expected', 'solution']

const value = z.union([
  z.string().min(1),
  z.number().transform(String),
  z
    .array(z.string())
    .min(1)
    .transform((list) => list.join(', ')),
])

/** At least this share of the range is what a label says of a right answer. */
const full = 0.9

/** The labelled answers of which a person says that they are right, those that are worth the most first. */
export function rightAnswersOf({ answers }: CheckRow, grader: Pick<Grader, 'range'>): readonly LabelledAnswer[] {
  return answers.filter(({ label }) => shareOf(label, grader) >= full).sort((a, b) => b.label - a.label)
}

/**
 * What a right answer to each row says, in the order of the rows: the labelled answer that is right; else the item's field
 * of that name; else, where no row has labels, the first of the usual fields. Undefined where there is none.
 */
export function referencesOf(
  rows: readonly CheckRow[],
  grader: Pick<Grader, 'range'>,
  field?: string,
): readonly (string | undefined)[] {
  // Beside labelled answers, a field of a usual name is hardly written as an answer is.
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

/** What a model is asked by an item: its last message of the user's, or its longest text. */
export function questionOf(item: Readonly<Record<string, unknown>>): string {
  const messages = z.array(z.looseObject({ role: z.string(), content: z.string() })).safeParse(item['messages'])
  const asked = messages.data?.findLast(({ role }) => role === 'user')?.content
  if (asked !== undefined) return asked
  const texts = Object.values(item).filter((field) => typeof field === 'string')
  return texts.sort((a, b) => b.length - a.length)[0] ?? ''
}

/** Whether two answers say the same, however they are written: 0 is 0.00, and 1 is 100 %. */
export function saysTheSame(one: string, other: string): boolean {
  if (bare(one) === bare(other)) return true
  const [first, second] = [numberOf(one), numberOf(other)]
  if (first === second) return true
  return one.includes('%') !== other.includes('%') && (isNear(first * 100, second) || isNear(first, second * 100))
}

/** 0.07 times 100 is not 7 to a computer. */
const isNear = (one: number, other: number) => Math.abs(one - other) <= 1e-12 * Math.abs(one)

/** What a text is worth that is a number and nothing else; NaN for any other, which equals nothing. */
function numberOf(text: string): number {
  const number = bare(text)
  return /^[+-]?(?:\d+\.?\d*|\.\d+)$/u.test(number) ? Number(number) : Number.NaN
}

// A point within a number is part of it: 12.5 is not 125.
const bare = (text: string) => text.toLowerCase().replace(/[\s,$%*`_]|\.(?!\d)/gu, '')
