import { type PageIndex, type ReadPage, saturated } from './page-index.ts'

/**
 * The weights of the parts of a score, in units of BM25 (a good page scores 20 to 40). They were tuned on the 4,094
 * training questions of FinQA; its development questions were only used for measuring.
 */
export const ranking = {
  /** A pair of neighbouring words, in addition to the two words, which count 1 each. */
  pair: 0.6,
  /** A word that most questions contain and that does not distinguish pages. */
  commonWord: 0.5,
  commonWords:
    'average calculate change combined decrease difference growth increase many much percent percentage portion rate ratio sum total',
  /** Bonuses by how many years the page's year is after the latest year that the query names. */
  year: new Map([
    [-1, 1.5],
    [0, 6],
    [1, 3.5],
    [2, 1.5],
  ]),
  /** The company that the query names. */
  company: 8,
  /** How many pages, the best so far, are read again for the three parts below. */
  reranked: 50,
  /** Each three neighbouring words of the query that the page has. */
  phrase: 2.25,
  /** All years that the query names; in part if the page has some of them. */
  years: 13,
  /** Each word of the longest label of a table row that the query contains. */
  label: 1.75,
} as const

/** When a word, or a pair, identifies a company: how many and which share of its pages have it, and how rare it is on others. */
const distinctive = { pages: 3, ofItsPages: 0.2, ofTheWord: 0.3, againstOthers: 0.9 } as const

/** A page with its score; a higher one is better, and scores of different queries do not compare. */
export interface RankedPage {
  readonly page: ReadPage
  readonly score: number
}

/**
 * Ranks the pages that have words of a query, best first: BM25 over words and pairs of words, with bonuses for the company
 * and the year that the query names; the best are ranked again by phrases, years, and labels of their tables.
 *
 * BM25 as in Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with Lucene's
 * idf, which is never negative.
 *
 * @param limit how many pages, at most {@link ranking.reranked} of which are ranked again
 */
export function rankPages(index: PageIndex, query: string, limit: number): RankedPage[] {
  const words = index.vocabulary.find(query)
  const years = [...new Set([...query.matchAll(/\b(?:19|20)\d\d\b/g)].map(([year]) => year))]
  const { scores, phrases, companies } = scoreWords(index, words)
  for (const [ticker] of query.matchAll(/\b[A-Z][A-Z0-9.-]{0,9}\b/g)) {
    const company = index.companies.get(ticker)
    if (company !== undefined) companies[company] = 1
  }
  const latest = Math.max(...years.map(Number))
  const best = highest(scores, Math.max(limit, ranking.reranked), (at) => {
    const company = Math.min(1, companies[index.companyOf[at] ?? 0] ?? 0)
    return ranking.company * company + (ranking.year.get((index.pages[at]?.year ?? 0) - latest) ?? 0)
  })
  const asked = { words, years: years.flatMap((year) => index.vocabulary.find(year)) }
  return best
    .flatMap(({ at, score }, place): RankedPage[] => {
      const page = index.pages[at]
      if (page === undefined) return []
      if (place >= ranking.reranked) return [{ page, score }]
      return [{ page, score: score + ranking.phrase * (phrases[at] ?? 0) + bonusOf(page, asked) }]
    })
    .sort((a, b) => b.score - a.score || (a.page.path < b.page.path ? -1 : 1))
    .slice(0, limit)
}

/** The scores of all pages by words and pairs, how many phrases of three each has, and how strongly the query names each company. */
function scoreWords(index: PageIndex, words: readonly number[]) {
  const scores = new Float32Array(index.pages.length)
  const phrases = new Uint8Array(index.pages.length)
  const companies = new Float32Array(index.pagesOf.length)
  const counts = new Uint32Array(index.pagesOf.length)
  const add = (pages: ArrayLike<number>, weights: ArrayLike<number>, weight: number) => {
    const idf = Math.log(1 + (index.pages.length - pages.length + 0.5) / (pages.length + 0.5))
    for (let at = 0; at < pages.length; at += 1) {
      const page = pages[at] ?? 0
      scores[page] = (scores[page] ?? 0) + weight * idf * (weights[at] ?? 0)
    }
    nameCompanies(index, pages, counts, companies)
  }
  const commonWords = new Set(index.vocabulary.find(ranking.commonWords))
  for (const word of new Set(words)) {
    const [start, end] = [index.fromPosting[word], index.fromPosting[word + 1]]
    const weight = commonWords.has(word) ? ranking.commonWord : 1
    if (word !== 0) add(index.postings.subarray(start, end), index.weights.subarray(start, end), weight)
  }
  const pairs = new Map(words.map((word, at) => [`${word} ${words[at + 1]}`, at]))
  for (const at of pairs.values()) {
    const [first = 0, second = 0, third = 0] = words.slice(at, at + 3)
    if (first === 0 || second === 0) continue
    const { pages, weights, withThird } = pairPostings(index, first, second, third)
    add(pages, weights, ranking.pair)
    for (const page of withThird) phrases[page] = (phrases[page] ?? 0) + 1
  }
  return { scores, phrases, companies }
}

/** The pages on which one word directly follows another, found from the rarer of the two, and those where a third one is next. */
function pairPostings(index: PageIndex, first: number, second: number, third: number) {
  const { words, places, from, pageAt, weightAt, lengthOf } = index
  const countOf = (word: number) => (from[word + 1] ?? 0) - (from[word] ?? 0)
  const isFirst = countOf(first) < countOf(second)
  const [rarer, other, step, next] = isFirst ? [first, second, 1, 2] : [second, first, -1, 1]
  const last = from[rarer + 1] ?? 0
  const pages: number[] = []
  const weights: number[] = []
  const withThird: number[] = []
  let [current, frequency] = [-1, 0]
  for (let at = from[rarer] ?? 0; at < last; at += 1) {
    const place = places[at] ?? 0
    if (words[place + step] !== other) continue
    const page = pageAt[place] ?? 0
    if (page !== current) {
      current = page
      frequency = 0
      pages.push(page)
    }
    frequency += weightAt[place] ?? 0
    weights[pages.length - 1] = saturated(frequency, lengthOf[page] ?? 1)
    if (third !== 0 && words[place + next] === third && withThird.at(-1) !== page) withThird.push(page)
  }
  return { pages, weights, withThird }
}

/** Adds to `companies` how strongly a word or pair with these pages names each of them; `counts` is zero before and after. */
function nameCompanies(index: PageIndex, pages: ArrayLike<number>, counts: Uint32Array, companies: Float32Array): void {
  const { companyOf, pagesOf } = index
  if (pages.length * distinctive.ofTheWord > index.largestCompany) return
  for (let at = 0; at < pages.length; at += 1) {
    const company = companyOf[pages[at] ?? 0] ?? 0
    counts[company] = (counts[company] ?? 0) + 1
  }
  const unnamed = index.companies.get('')
  for (let at = 0; at < pages.length; at += 1) {
    const company = companyOf[pages[at] ?? 0] ?? 0
    const count = counts[company] ?? 0
    counts[company] = 0
    if (count < distinctive.pages || company === unnamed) continue
    const all = pagesOf[company] ?? 1
    const [ofItsPages, ofTheWord] = [count / all, count / pages.length]
    if (ofItsPages < distinctive.ofItsPages || ofTheWord < distinctive.ofTheWord) continue
    const ofOthers = (pages.length - count) / Math.max(1, index.pages.length - all)
    if (ofItsPages / (ofItsPages + ofOthers) < distinctive.againstOthers) continue
    companies[company] = (companies[company] ?? 0) + ofItsPages * ofTheWord
  }
}

/** The pages with the highest scores above 0 after their bonus, best first. */
function highest(scores: Float32Array, most: number, bonusOf: (at: number) => number) {
  const best: { readonly at: number; readonly score: number }[] = []
  for (let at = 0; at < scores.length; at += 1) {
    const byWords = scores[at] ?? 0
    if (byWords === 0) continue
    const score = byWords + bonusOf(at)
    if (best.length === most && score <= (best[most - 1]?.score ?? 0)) continue
    let place = best.length
    while (place > 0 && score > (best[place - 1]?.score ?? 0)) place -= 1
    best.splice(place, 0, { at, score })
    if (best.length > most) best.pop()
  }
  return best
}

interface Asked {
  readonly words: readonly number[]
  readonly years: readonly number[]
}

/** What a page gets for the years of the query that it has, and for the longest label of a row that is in the query. */
function bonusOf({ words, ends, labelEnds }: ReadPage, asked: Asked): number {
  const years = asked.years.filter((year) => words.includes(year)).length
  const firstRow = ends.length - labelEnds.length
  let label = 0
  labelEnds.forEach((end, row) => {
    const start = row === 0 ? words.indexOf(0) + 1 : (ends[firstRow + row - 1] ?? 0)
    if (end - start > label && hasRun(asked.words, words.subarray(start, end))) label = end - start
  })
  const all = Math.max(1, asked.years.length)
  return ranking.years * (years / all) + ranking.label * label
}

/** Whether a query has these words next to each other. */
function hasRun(query: readonly number[], run: Uint32Array): boolean {
  return query.some((_, at) => run.every((word, offset) => word === query[at + offset]))
}
