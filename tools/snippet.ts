import type { Document } from '../schema/document-queries.ts'
import { formatRow } from './format-document.ts'

const longest = 240

/**
 * The part of a page with the most words of a query: a line of prose, or a table row with the header, at most 240
 * characters; empty if the page has only its title, which is not repeated. Words are compared by their beginnings, which
 * is close enough to stemming for choosing a line.
 */
export function snippetOf({ title, before, table, after }: Document, query: string): string {
  const sought = new Set(beginnings(query))
  const [head, ...rows] = table
  const prose = (lines: readonly string[]) =>
    lines
      .map((line) => withoutTitle(line, title))
      .filter((line) => line !== '')
      .map((line) => ({ line, text: line }))
  const [beforeTable, afterTable] = [prose(before), prose(after)]
  const lines = [
    ...beforeTable,
    ...rows.map((row) => ({ line: row.join(' '), text: [head ?? [], row].map(formatRow).join(' ') })),
    ...afterTable,
  ]
  const first = beforeTable[0] ?? afterTable[0]
  let best = { text: first?.text ?? (head ? formatRow(head) : ''), score: 0 }
  for (const { line, text } of lines) {
    const score = new Set(beginnings(line).filter((word) => sought.has(word))).size
    if (score > best.score) best = { text, score }
  }
  return cut(best.text.replace(/\s+/g, ' ').trim(), sought)
}

/** A line without the title: empty if it is the title, the rest if it begins with the title. */
function withoutTitle(line: string, title: string): string {
  const flat = line.replace(/\s+/g, ' ').trim()
  if (flat === title) return ''
  if (!title.endsWith('…') || !flat.startsWith(title.slice(0, -1))) return flat
  return `…${flat.slice(title.length - 1).trimStart()}`
}

/** Cuts a text so that it begins shortly before the first word of the query. */
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
