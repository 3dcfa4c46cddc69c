import { z } from 'zod'
import { storable } from '../../schema/storable.ts'

const line = z
  .union([z.string(), z.number(), z.boolean(), z.null()])
  .transform((value) => storable(value === null ? '' : String(value)))

/** A report page as it appears in datasets. */
export const pageRecord = z.object({
  pre_text: z.array(line).default([]),
  table: z.array(z.array(line)).default([]),
  post_text: z.array(line).default([]),
})

/** A report page: sentences, a table (rows of cells), and more sentences. */
export type Page = z.output<typeof pageRecord> & { readonly path: string }

/** The company and year of a path such as `ACME/2014/page_15`: its first part, and the part that is a year. */
export function placeOf(path: string): { company: string; year: number | null } {
  const parts = path.split('/')
  const year = parts.find((part) => /^(?:19|20)\d\d$/.test(part))
  return { company: parts.length > 1 ? (parts[0] ?? '') : '', year: year === undefined ? null : Number(year) }
}

/** A title for a page: its first line that has words, at most 120 characters. */
export function titleOf(page: Page): string {
  const lines = [...page.pre_text, ...page.post_text, ...page.table.map((row) => row.join(' '))]
  const first = lines.find((each) => /\p{L}{3}.*\p{L}{3}/u.test(each)) ?? page.path
  const flat = first.replace(/\s+/g, ' ').trim()
  return flat.length <= 120 ? flat : `${flat.slice(0, 119).replace(/\s\S*$/, '')}…`
}

/** The size of a page's text in characters. */
export function sizeOf(page: Page): number {
  const lengthOf = (texts: readonly string[]) => texts.reduce((sum, text) => sum + text.length + 1, 0)
  return lengthOf(page.pre_text) + lengthOf(page.post_text) + page.table.reduce((sum, row) => sum + lengthOf(row), 0)
}
