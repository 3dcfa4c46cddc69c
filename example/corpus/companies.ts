import type { Random } from '../../src/workbench/simulate/random.ts'
import { randomOf } from './random.ts'
import { type Sector, sectors } from './sectors.ts'

/** A fictional company and how it writes its reports. */
export interface Company {
  readonly ticker: string
  /** Such as `Northfield Energy Partners`; other companies share its first word. */
  readonly name: string
  readonly form: string
  readonly city: string
  readonly sector: Sector
  /** Three or four of the sector's. */
  readonly segments: readonly string[]
  /** Its own words for revenue and other rows. */
  readonly revenue: string
  readonly overhead: string
  readonly plan: string
  readonly peers: string
  /** The unit of its amounts: millions with one decimal place, or whole thousands. */
  readonly unit: 'millions' | 'thousands'
  /** Revenue of the first year in tenths of a million. */
  readonly size: number
  readonly firstYear: number
}

const roots: readonly string[] =
  'Northfield Calder Ashgrove Brightwater Kestrel Harrowgate Pinecrest Ironbridge Summerlin Tamarack Westmark Oakhaven Redstone Silverlake Thornbury Vantage Meridian Lakeshore Granger Halden Corvane Delmont Eastbrook Fairmont Greystone Highmoor Inverness Juniper Kingsley Larkspur'.split(
    ' ',
  )

const cities = [
  'Dayton',
  'Tulsa',
  'Richmond',
  'Spokane',
  'Omaha',
  'Raleigh',
  'Boise',
  'Hartford',
  'Mobile',
  'Duluth',
  'Fresno',
  'Albany',
] as const

const suffixes = ['', '', ' Group', ' Partners', ' Holdings', ' International'] as const

/**
 * The companies of a seed: several share the first word of their names, and some differ only in the last, with similar
 * tickers.
 *
 * @param count how many, at most 180.
 */
export function makeCompanies(seed: number, count: number): Company[] {
  const random = randomOf(seed, 'companies')
  const names = new Map<string, Sector>()
  const used = roots.slice(0, Math.max(1, Math.ceil(count / 4.7)))
  while (names.size < Math.min(count, 180)) {
    const sector = random.pick(sectors)
    const name = `${random.pick([used[0] ?? '', ...used.slice(1)])} ${random.pick(sector.names)}${random.pick(suffixes)}`
    if (!names.has(name)) names.set(name, sector)
  }
  const tickers = new Set<string>()
  return [...names].map(([name, sector]) => {
    const ticker = tickerOf(name, tickers)
    tickers.add(ticker)
    return makeCompany(seed, ticker, name, sector)
  })
}

function makeCompany(seed: number, ticker: string, name: string, sector: Sector): Company {
  const random = randomOf(seed, ticker)
  return {
    ticker,
    name,
    form: random.pick(['Inc.', 'Corporation', 'Company', 'plc']),
    city: random.pick(cities),
    sector,
    segments: random.shuffle(sector.segments).slice(0, random.whole(3, 4)),
    revenue: random.pick(['net sales', 'total revenues', 'net revenue', 'operating revenues']),
    overhead: random.pick([
      'selling and administrative expenses',
      'marketing and administrative costs',
      'corporate overhead',
      'general and administrative expenses',
    ]),
    plan: `${random.whole(1998, 2006)} ${planWord(random)} plan`,
    peers: random.pick(['the peer group index', `the ${sector.label} index`, 'the mid-cap composite index']),
    unit: random.pick(['millions', 'millions', 'thousands']),
    size: Math.round(3_000 * 40 ** random.next()),
    firstYear: random.whole(2003, 2008),
  }
}

const planWord = (random: Random) =>
  random.pick(['stock incentive', 'long-term incentive', 'equity award', 'omnibus compensation', 'key employee share'])

/** An unused ticker: the capitals of the name, if necessary with another letter after the first. */
function tickerOf(name: string, taken: ReadonlySet<string>): string {
  const words = name.toUpperCase().split(' ')
  const [root = ''] = words
  const tail = words
    .slice(1)
    .map((word) => word.slice(0, 1))
    .join('')
  const candidates = [`${root.slice(0, 1)}${tail}`]
  for (let at = 1; at < root.length; at += 1) candidates.push(`${root.slice(0, 1)}${root.charAt(at)}${tail}`)
  for (let code = 65; code <= 90; code += 1) candidates.push(`${root.slice(0, 2)}${tail}${String.fromCharCode(code)}`)
  return candidates.find((ticker) => ticker.length > 1 && !taken.has(ticker)) ?? `${root}${taken.size}`
}
