import type { Random } from '../../src/workbench/simulate/random.ts'
import { askAbout, type Question } from './ask.ts'
import { type Company, makeCompanies } from './companies.ts'
import { figuresOf } from './figures.ts'
import { noteSheets } from './note-sheets.ts'
import type { Page } from './page.ts'
import { occasionsOf, proseOf } from './prose.ts'
import { randomOf } from './random.ts'
import { shareSheets } from './share-sheets.ts'
import type { Place, Sheet } from './sheets.ts'
import { statementSheets } from './statement-sheets.ts'

/** The options of a generated corpus: the same seed and size always give the same pages and questions. */
export interface GenerateOptions {
  /** Any whole number; default 1. */
  readonly seed?: number
  /** From 20 to 6,000; default 2,800. */
  readonly pages?: number
}

/** A fictional corpus and the questions about it. */
export interface Generated {
  readonly pages: Page[]
  readonly questions: Question[]
}

/** The smallest and the largest corpus that can be generated. */
export const sizes = { least: 20, most: 6_000, usual: 2_800 }

const questionsAPage = 1.43
const sheets = [...statementSheets, ...noteSheets, ...shareSheets]
/** How many kinds of pages a company uses for all its years, so that its reports resemble each other. */
const kindsOfACompany = 9

/**
 * Generates fictional report pages and questions about them. All names, figures and sentences derive from the seed.
 *
 * @throws RangeError when `pages` is out of range.
 */
export function generateCorpus({ seed = 1, pages: size = sizes.usual }: GenerateOptions = {}): Generated {
  if (!Number.isInteger(size) || size < sizes.least || size > sizes.most) {
    throw new RangeError(`a corpus has from ${sizes.least} to ${sizes.most} pages, not ${size}`)
  }
  const companies = makeCompanies(seed, Math.min(180, Math.max(2, Math.round(size / 20)))).map((company) => ({
    company,
    figures: figuresOf(seed, company),
    kinds: randomOf(seed, company.ticker, 'kinds').shuffle(sheets).slice(0, kindsOfACompany),
  }))
  const made: Generated = { pages: [], questions: [] }
  for (let after = 0; made.pages.length < size; after += 1) {
    for (const { company, figures, kinds } of companies) {
      const year = company.firstYear + after
      const random = randomOf(seed, company.ticker, 'report', year)
      const count = Math.min(random.whole(2, 5), size - made.pages.length)
      const numbers = pageNumbers(count, random)
      for (const [at, makeSheet] of random.shuffle(kinds).slice(0, count).entries()) {
        const path = `${company.ticker}/${year}/page_${numbers[at]}`
        addPage(made, {
          seed,
          path,
          company,
          makeSheet,
          place: { company, figures, year, random: randomOf(seed, path) },
        })
      }
    }
  }
  made.pages.sort((a, b) => (a.path < b.path ? -1 : 1))
  return { pages: made.pages, questions: unambiguous(made.questions) }
}

/** Drops questions that were generated for several pages: they are ambiguous. */
function unambiguous(questions: readonly Question[]): Question[] {
  const times = new Map<string, number>()
  for (const { question } of questions) times.set(question, (times.get(question) ?? 0) + 1)
  return questions.filter(({ question }) => times.get(question) === 1)
}

interface Plan {
  readonly seed: number
  readonly path: string
  readonly company: Company
  readonly makeSheet: (place: Place) => Sheet
  readonly place: Place
}

function addPage(made: Generated, { seed, path, company, makeSheet, place }: Plan): void {
  const sheet = makeSheet(place)
  const { year, random } = place
  const occasion = random.pick(occasionsOf(seed, company, year))
  const { before, after } = proseOf(place, sheet, occasion)
  const cells = [[...sheet.head], ...sheet.rows.map((row) => [...row])]
  made.pages.push({ path, pre_text: before, table: cells, post_text: after })
  const count = Math.floor(questionsAPage) + Number(random.chance(questionsAPage % 1))
  made.questions.push(...askAbout({ path, company, year, cells, asks: sheet.asks, occasion }, count, random))
}

function pageNumbers(count: number, random: Random): number[] {
  const numbers = new Set<number>()
  while (numbers.size < count) numbers.add(random.whole(12, 180))
  return [...numbers]
}
