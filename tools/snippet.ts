import type { Document } from '../schema/document-queries.ts'
import { formatRow } from './format-document.ts'

const longest = 240

/**
 * The part of a page that has most of a query's words: a line of prose or a row of the table with the table's head,
 * at most 240 characters. Words are compared by their beginnings, which is near enough to stems for choosing a line.
 */
export function snippetOf({ before, table, after }: Document, query: string): string {
  const sought = new Set(beginnings(query))
  const [head, ...rows] = table
  const lines = [
    ...before.map((line) => ({ line, text: line })),
    ...rows.map((row) => ({ line: row.join(' '), text: [head ?? [], row].map(formatRow).join(' ') })),
    ...after.map((line) => ({ line, text: line })),
  ]
  let best = { text: before[0] ?? after[0] ?? (head ? formatRow(head) : ''), score: 0 }
  for (const { line, text } of lines) {
    const score = new Set(beginnings(line).filter((word) => sought.has(word))).size
    if (score > best.score) best = { text, score }
  }
  return cut(best.text.replace(/\s+/g, ' ').trim(), sought)
}

/** Cuts a text to where it begins to speak of what is sought. */
function cut(text: string, sought: ReadonlySet<string>): string {
  if (text.length <= longest) return text
  const first = [...text.matchAll(/[\p{L}\p{N}.]+/gu)].find(([word]) => beginnings(word).some((one) => sought.has(one)))
  const start = Math.max(0, Math.min((first?.index ?? 0) - 40, text.length - longest))
  const end = start + longest
  const inside = text.slice(start, end).toWellFormed()
  return `${start > 0 ? '…' : ''}${inside}${end < text.length ? '…' : ''}`
}

const stopWords = new Set(
  'a an and are as at be by did do for from had has have how in is it its many much of on or that the their this to was were what when which will with would'.split(
    ' ',
  ),
)

function beginnings(text: string): string[] {
  const words =
    text
      .toLowerCase()
      .replace(/(\d),(?=\d)/g, '$1')
      .match(/\p{L}+|\d+(?:\.\d+)?/gu) ?? []
  return words.filter((word) => !stopWords.has(word)).map((word) => (/^\p{L}/u.test(word) ? word.slice(0, 6) : word))
}
