import { z } from 'zod'
import { storable } from '../../schema/storable.ts'

const line = z
  .union([z.string(), z.number(), z.boolean(), z.null()])
  .transform((value) => storable(value === null ? '' : String(value)))

/** A report page as datasets write it. */
export const pageRecord = z.object({
  pre_text: z.array(line).default([]),
  table: z.array(z.array(line)).default([]),
  post_text: z.array(line).default([]),
})

/** A report page: sentences, a table of rows of cells, sentences. */
export type Page = z.output<typeof pageRecord> & { readonly path: string }

/** The company and the year that a path like `ACME/2014/page_15` names: its first part, and the part that is a year. */
export function placeOf(path: string): { company: string; year: number | null } {
  const parts = path.split('/')
  const year = parts.find((part) => /^(?:19|20)\d\d$/.test(part))
  return { company: parts.length > 1 ? (parts[0] ?? '') : '', year: year === undefined ? null : Number(year) }
}

/** A title for a page: its first sentence that has words, at most 120 characters. */
export function titleOf(page: Page): string {
  const lines = [...page.pre_text, ...page.post_text, ...page.table.map((row) => row.join(' '))]
  const telling = lines.find((each) => /\p{L}{3}.*\p{L}{3}/u.test(each)) ?? page.path
  const flat = telling.replace(/\s+/g, ' ').trim()
  return flat.length <= 120 ? flat : `${flat.slice(0, 119).replace(/\s\S*$/, '')}…`
}

/** The size of a page's text in characters. */
export function sizeOf(page: Page): number {
  const lengthOf = (texts: readonly string[]) => texts.reduce((sum, text) => sum + text.length + 1, 0)
  return lengthOf(page.pre_text) + lengthOf(page.post_text) + page.table.reduce((sum, row) => sum + lengthOf(row), 0)
}
