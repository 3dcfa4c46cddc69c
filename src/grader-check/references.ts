import { z } from 'zod'
import type { CheckRow } from './rows.ts'

/** The fields under which datasets keep what is right, the most usual first. */
const usual = ['reference_answer', 'target', 'answer', 'label', 'expected', 'solution']

const value = z.union([z.string().min(1), z.number()]).transform(String)

/**
 * What a right answer to each row says, in the order of the rows: the labelled answer that is worth the most; where no row
 * has labels, the item's field of that name, or the first of the usual ones. Undefined where there is none.
 */
export function referencesOf(rows: readonly CheckRow[], field?: string): readonly (string | undefined)[] {
  if (rows.some(({ answers }) => answers.length > 0)) {
    return rows.map(({ answers }) => [...answers].sort((a, b) => b.label - a.label)[0]?.output_text)
  }
  const fields = field === undefined ? usual : [field]
  return rows.map(({ item }) => {
    for (const name of fields) {
      const read = value.safeParse(item[name])
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

/** Whether two answers say the same, however they are written. */
export const saysTheSame = (one: string, other: string): boolean => bare(one) === bare(other)

const bare = (text: string) => text.toLowerCase().replace(/[\s,.$%*`_]/gu, '')
