import type { Document } from './document-queries.ts'
import { stemOf, stopWords, wordsIn } from './search-words.ts'

/** A page of the database. */
export interface StoredPage extends Document {
  readonly id: number
  readonly company: string
  readonly year: number | null
}

/** A page as search keeps it. */
export interface ReadPage extends Pick<StoredPage, 'id' | 'path' | 'title' | 'company' | 'year' | 'table'> {
  /** The prose without the title, which is an empty line. */
  readonly lines: readonly string[]
  /** Numbers its words. */
  readonly vocabulary: Vocabulary
  /** The numbers of its words in order: the prose, a 0, the table, a 0. No phrase goes across a 0. */
  readonly words: Uint32Array
  /** For each line of `lines` and then each row of the table, where its words end in `words`. */
  readonly ends: Uint32Array
  /** For each row of the table, where the words of its first cell end. */
  readonly labelEnds: Uint32Array
}

/** Numbers words from 1 on: forms of a word have the same number. */
export interface Vocabulary {
  readonly size: number
  /** The numbers of a text's words, in order; new words get a number. */
  add(text: string): number[]
  /** The same, with 0 in place of unknown words. */
  find(text: string): number[]
}

/** Creates an empty vocabulary. */
export function createVocabulary(): Vocabulary {
  const ofStems = new Map<string, number>()
  // Every form of a word, and the stop words: one look-up a word, of a million when the pages are loaded.
  const ofWords = new Map<string, number | undefined>([...stopWords].map((word) => [word, undefined]))
  const numberOf = (word: string) => {
    const stem = stemOf(word)
    const number = ofStems.get(stem) ?? ofStems.size + 1
    ofStems.set(stem, number)
    ofWords.set(word, number)
    return number
  }
  return {
    get size() {
      return ofStems.size
    },
    add(text) {
      const numbers: number[] = []
      for (const word of wordsIn(text)) {
        const number = ofWords.get(word)
        if (number !== undefined) numbers.push(number)
        else if (!ofWords.has(word)) numbers.push(numberOf(word))
      }
      return numbers
    },
    find: (text) =>
      wordsIn(text)
        .filter((word) => !stopWords.has(word))
        .map((word) => ofWords.get(word) ?? ofStems.get(stemOf(word)) ?? 0),
  }
}

/** Splits a page into its words. */
export function readPage(vocabulary: Vocabulary, { before, after, ...page }: StoredPage): ReadPage {
  const words: number[] = []
  const ends: number[] = []
  const labelEnds: number[] = []
  const lines = [...before, ...after].flatMap((line) => {
    const [title, rest] = splitTitle(line.replace(/\s+/g, ' ').trim(), page.title)
    for (const part of title === '' ? [rest] : [title, rest]) {
      words.push(...vocabulary.add(part))
      ends.push(words.length)
    }
    return title === '' ? [rest] : ['', rest]
  })
  words.push(0)
  for (const row of page.table) {
    words.push(...vocabulary.add(row[0] ?? ''))
    labelEnds.push(words.length)
    for (const cell of row.slice(1)) words.push(...vocabulary.add(cell))
    ends.push(words.length)
  }
  words.push(0)
  const { id, path, title, company, year, table } = page
  const arrays = {
    words: Uint32Array.from(words),
    ends: Uint32Array.from(ends),
    labelEnds: Uint32Array.from(labelEnds),
  }
  return { id, path, title, company, year, table, lines, vocabulary, ...arrays }
}

/** A line as the title that it begins with, which may have been cut with an ellipsis, and the rest. */
function splitTitle(line: string, title: string): readonly [title: string, rest: string] {
  if (line === title) return [line, '']
  const cut = title.slice(0, -1)
  if (!title.endsWith('…') || !line.startsWith(cut)) return ['', line]
  return [cut, `…${line.slice(cut.length).trimStart()}`]
}

/** All pages as one list of words, where in it each word is, and which pages have it. */
export interface PageIndex {
  readonly vocabulary: Vocabulary
  readonly pages: readonly ReadPage[]
  /** The words of all pages, one after the other. */
  readonly words: Uint32Array
  /** For each place in `words`, the page, and how much a word there counts. */
  readonly pageAt: Uint32Array
  readonly weightAt: Uint8Array
  /** The places of all words, by word: those of word w are `places[from[w]]` to `places[from[w + 1] - 1]`. */
  readonly places: Uint32Array
  readonly from: Uint32Array
  /** The pages that have a word, and its BM25 weight on each without the idf; those of w begin at `fromPosting[w]`. */
  readonly postings: Uint32Array
  readonly weights: Float32Array
  readonly fromPosting: Uint32Array
  /** For each page, its company's number, and its length as BM25 counts it. */
  readonly companyOf: Uint32Array
  readonly lengthOf: Float32Array
  readonly companies: ReadonlyMap<string, number>
  /** For each company, how many pages it has. */
  readonly pagesOf: Uint32Array
  /** The most pages of one company. */
  readonly largestCompany: number
}

/** BM25's parameters; a word in the table counts as `table` words in the prose. */
const bm25 = { k1: 1.2, b: 0.5, table: 4 } as const

/** BM25's weight of a frequency on a page of this `lengthOf`. */
export const saturated = (frequency: number, length: number): number =>
  (frequency * (1 + bm25.k1)) / (frequency + length)

/** Builds the index of pages that were read with this vocabulary; takes some 50 ms for 3,000 pages. */
export function buildIndex(vocabulary: Vocabulary, pages: readonly ReadPage[]): PageIndex {
  const total = pages.reduce((sum, page) => sum + page.words.length, 0)
  const words = new Uint32Array(total)
  const pageAt = new Uint32Array(total)
  const weightAt = new Uint8Array(total)
  const lengths = new Float32Array(pages.length)
  let end = 0
  pages.forEach((page, at) => {
    const table = page.words.indexOf(0)
    words.set(page.words, end)
    pageAt.fill(at, end, end + page.words.length)
    weightAt.fill(1, end, end + table)
    weightAt.fill(bm25.table, end + table, end + page.words.length)
    lengths[at] = table + bm25.table * (page.words.length - table)
    end += page.words.length
  })
  const average = lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, pages.length)
  const lengthOf = lengths.map((length) => bm25.k1 * (1 - bm25.b + (bm25.b * length) / average))
  const companies = new Map<string, number>()
  for (const { company } of pages) if (!companies.has(company)) companies.set(company, companies.size)
  const companyOf = Uint32Array.from(pages, ({ company }) => companies.get(company) ?? 0)
  const pagesOf = new Uint32Array(companies.size)
  for (const company of companyOf) pagesOf[company] = (pagesOf[company] ?? 0) + 1
  const text = { words, pageAt, weightAt, lengthOf }
  const sorted = sortPlaces(words, vocabulary.size)
  const byCompany = {
    companyOf,
    companies,
    pagesOf,
    largestCompany: pagesOf.reduce((most, one) => Math.max(most, one), 0),
  }
  return { vocabulary, pages, ...text, ...sorted, ...postingsOf(text, sorted), ...byCompany }
}

/** Sorts places by their words: counts each word, sums up the counts, and puts each place next in its word's run. */
function sortPlaces(words: Uint32Array, size: number): Pick<PageIndex, 'places' | 'from'> {
  const from = new Uint32Array(size + 2)
  for (const word of words) from[word + 1] = (from[word + 1] ?? 0) + 1
  for (let word = 1; word < from.length; word += 1) from[word] = (from[word] ?? 0) + (from[word - 1] ?? 0)
  const next = from.slice()
  const places = new Uint32Array(words.length)
  words.forEach((word, place) => {
    const at = next[word] ?? 0
    places[at] = place
    next[word] = at + 1
  })
  return { places, from }
}

function postingsOf(
  { pageAt, weightAt, lengthOf }: Pick<PageIndex, 'pageAt' | 'weightAt' | 'lengthOf'>,
  { places, from }: Pick<PageIndex, 'places' | 'from'>,
): Pick<PageIndex, 'postings' | 'weights' | 'fromPosting'> {
  const postings = new Uint32Array(places.length)
  const weights = new Float32Array(places.length)
  const fromPosting = new Uint32Array(from.length)
  let end = 0
  for (let word = 1; word < from.length - 1; word += 1) {
    fromPosting[word] = end
    const last = from[word + 1] ?? 0
    for (let at = from[word] ?? 0; at < last; ) {
      const page = pageAt[places[at] ?? 0] ?? 0
      let frequency = 0
      for (; at < last && pageAt[places[at] ?? 0] === page; at += 1) frequency += weightAt[places[at] ?? 0] ?? 0
      postings[end] = page
      weights[end] = saturated(frequency, lengthOf[page] ?? 1)
      end += 1
    }
  }
  fromPosting[from.length - 1] = end
  return { postings: postings.slice(0, end), weights: weights.slice(0, end), fromPosting }
}
