import type { Random } from '../../src/workbench/simulate/random.ts'
import type { Company } from './companies.ts'
import { randomOf } from './random.ts'
import { amount, type Place, type Sheet } from './sheets.ts'

/** An event in a company's year; its pages mention it and questions may allude to it. */
export interface Occasion {
  readonly sentence: string
  /** How a question alludes to it, such as `after the purchase of Calvane Instruments`. */
  readonly allusion: string
}

const beginnings = [
  'Cal',
  'Or',
  'Tor',
  'Ven',
  'Mar',
  'Bel',
  'Dun',
  'Hal',
  'Ker',
  'Lor',
  'Nov',
  'Pel',
  'Quin',
  'Ral',
  'Sel',
  'Wil',
] as const
const middles = ['a', 'e', 'i', 'o', 'an', 'en', 'is', 'or', 'ul'] as const
const ends = ['dale', 'vane', 'mont', 'ford', 'stead', 'mark', 'burn', 'wick', 'gate', 'ston', 'mere', 'bury'] as const
const trades = [
  'Instruments',
  'Laboratories',
  'Supply',
  'Partners',
  'Works',
  'Brothers',
  'Services',
  'Technologies',
] as const

const coined = (random: Random) => `${random.pick(beginnings)}${random.pick(middles)}${random.pick(ends)}`

/** The two events of a company's year. */
export function occasionsOf(seed: number, company: Company, year: number): [Occasion, Occasion] {
  const random = randomOf(seed, company.ticker, 'occasions', year)
  const bought = `${coined(random)} ${random.pick(trades)}`
  const [segment = ''] = random.shuffle(company.segments)
  const town = coined(random)
  const site = random.pick(company.sector.sites)
  return [
    {
      sentence: `In ${year}, the company completed the purchase of ${bought}, which is part of ${segment}, paying $ ${random.whole(8, 400)} million in cash.`,
      allusion: `after the purchase of ${bought}`,
    },
    {
      sentence: `The new ${site} at ${town} opened in the ${random.pick(['spring', 'summer', 'autumn'])} of ${year} with ${random.whole(40, 900)} employees.`,
      allusion: `when the ${site} at ${town} opened`,
    },
  ]
}

const usual = [
  'The accompanying notes are an integral part of these consolidated financial statements.',
  'Certain prior year amounts have been reclassified to conform to the current presentation.',
  'The preparation of financial statements requires management to make estimates and assumptions that affect the reported amounts.',
  'Actual results could differ from those estimates.',
  'Management believes that the outcome of pending legal matters will not have a material adverse effect on the financial position of the company.',
  'The company adopted the new accounting guidance prospectively, and the adoption had no material impact.',
  'Fair values are determined by level 2 inputs, which are observable directly or indirectly.',
  'Deferred tax assets are reduced by a valuation allowance when it is more likely than not that they will not be realized.',
  'The weighted-average remaining amortization period is reviewed at the end of each fiscal year.',
  'No customer accounted for more than 10% of consolidated revenue in any of the years presented.',
  'The effective tax rate differs from the statutory rate mainly because of state taxes and foreign earnings.',
  'Rental expense is recognized on a straight-line basis over the term of the lease.',
  'The company was in compliance with all financial covenants of its credit agreement.',
  'Accounts receivable are stated net of allowances, which reflect past experience and current conditions.',
  'Goodwill is tested for impairment in the fourth quarter, or more often if circumstances indicate.',
  'The discount rate is based on yields of high-quality corporate bonds at the measurement date.',
  'Dividends are declared at the discretion of the board of directors.',
  'Foreign currency translation adjustments are recorded in accumulated other comprehensive income.',
] as const

/** The prose of a page, before and after its table. */
export function proseOf(place: Place, sheet: Sheet, occasion: Occasion): { before: string[]; after: string[] } {
  const { company, year, random } = place
  const named = `${company.name} ${company.form}`
  const before = [
    random.chance(0.6) ? `${named} ${year}: ${sheet.heading}` : `${sheet.heading} (continued)`,
    ...random.shuffle([
      ...sheet.remarks,
      ...random.shuffle(usual).slice(0, random.whole(1, 3)),
      `The change in ${year} was mainly due to ${random.pick(company.sector.drivers)}.`,
    ]),
    sheet.money
      ? `The following table sets out ${sheet.heading.toLowerCase()} as of and for the years ended December 31 (in ${company.unit}):`
      : `The following table sets out ${sheet.heading.toLowerCase()}:`,
  ]
  const after = random.shuffle([
    occasion.sentence,
    aside(place),
    ...random.shuffle(usual).slice(0, random.whole(2, 5)),
    `Management of ${random.chance(0.5) ? company.name : 'the company'} expects that ${random.pick(company.sector.drivers)} will matter in ${year + 1} too.`,
  ])
  return { before, after }
}

/** A sentence about a figure whose table is on another page. */
function aside({ company, figures, year, random }: Place): string {
  const [label, at] = random.pick([
    [company.revenue, figures.revenue],
    [company.overhead, figures.overhead],
    ['net income', figures.netIncome],
    ['interest expense', figures.interest],
    ['total debt', figures.debt],
  ])
  const written = (each: number) => `$ ${amount(company, at(each))} ${company.unit.slice(0, -1)}`
  return `For the year, ${label} came to ${written(year)}, compared with ${written(year - 1)} in ${year - 1}.`
}
