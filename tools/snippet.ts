import type { ReadPage } from '../schema/page-index.ts'
import { formatRow } from './format-document.ts'

const longest = 240

/**
 * The part of a page with the most words of a query: a line of prose, or a table row with the header, at most 240
 * characters; empty if the page has only its title, which is not repeated.
 */
export function snippetOf(page: ReadPage, query: string): string {
  const { lines, table, words, ends, vocabulary } = page
  const sought = new Set(vocabulary.find(query))
  const head = table[0] ?? []
  const first = lines.find((line) => line !== '')
  let best = { text: first ?? (table.length > 0 ? formatRow(head) : ''), score: 0 }
  ends.forEach((end, at) => {
    const row = table[at - lines.length]
    const isSkipped = at < lines.length ? lines[at] === '' : at === lines.length
    if (isSkipped) return
    const found = new Set<number>()
    for (let place = at === 0 ? 0 : (ends[at - 1] ?? 0); place < end; place += 1) {
      const word = words[place] ?? 0
      if (word !== 0 && sought.has(word)) found.add(word)
    }
    if (found.size <= best.score) return
    best = { text: row === undefined ? (lines[at] ?? '') : [head, row].map(formatRow).join(' '), score: found.size }
  })
  return cut(best.text.replace(/\s+/g, ' ').trim(), (word) => vocabulary.find(word).some((one) => sought.has(one)))
}

/** Cuts a text so that it begins shortly before the first word of the query. */
function cut(text: string, isSought: (word: string) => boolean): string {
  if (text.length <= longest) return text
  const first = [...text.matchAll(/[\p{L}\p{N}.,]+/gu)].find(([word]) => isSought(word))
  const start = Math.max(0, Math.min((first?.index ?? 0) - 40, text.length - longest))
  const end = start + longest
  const inside = text.slice(start, end).toWellFormed()
  return `${start > 0 ? '…' : ''}${inside}${end < text.length ? '…' : ''}`
}
