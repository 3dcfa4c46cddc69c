import type { Asked } from './questions.ts'
import { randomOf } from './random.ts'
import { grouped, type Place, type Sheet, yearSheet } from './sheets.ts'

/** Pages for shareholders: options, repurchases, prices, returns. */
export const shareSheets: readonly ((place: Place) => Sheet)[] = [compensation, repurchases, prices, returns]

/** A share's price in a month or quarter of the year, in dollars. */
function price({ company, year }: Place, period: string, back = 0): number {
  const level = 18 + (company.size % 60)
  return Math.round(100 * level * (0.75 + 0.5 * randomOf(company.ticker, 'price', period, year - back).next())) / 100
}

function compensation(place: Place): Sheet {
  const { company, figures } = place
  return yearSheet(place, {
    heading: `Stock-based compensation under the ${company.plan}`,
    count: 3,
    rows: [
      { label: `stock option expense of the ${company.plan}`, at: (year) => figures.of('options', 0.006, year) },
      { label: `restricted stock expense of the ${company.plan}`, at: (year) => figures.of('restricted', 0.008, year) },
      { label: 'intrinsic value of options exercised', at: (year) => figures.of('intrinsic', 0.01, year) },
      { label: 'unrecognized compensation cost', at: (year) => figures.of('unrecognized', 0.012, year) },
    ],
    remarks: [`Grants under the ${company.plan} vest over ${2 + (company.size % 4)} years.`],
  })
}

function repurchases(place: Place): Sheet {
  const { year, random } = place
  const months = ['october', 'november', 'december']
  return {
    heading: 'Issuer purchases of equity securities',
    remarks: [`The board authorized the purchase of up to $ ${random.whole(1, 20) * 50} million of common stock.`],
    head: ['', 'total number of shares purchased', 'average price paid per share'],
    rows: months.map((month) => [
      `${month} ${year}`,
      grouped(20_000 + random.next() * 900_000, 0),
      price(place, month).toFixed(2),
    ]),
    money: false,
    asks: months.map((month): Asked => ({ kind: 'cost', a: `${month} ${year}` })),
  }
}

function prices(place: Place): Sheet {
  const { year } = place
  const quarters = ['first', 'second', 'third', 'fourth']
  return {
    heading: `Market for common stock, ${year}`,
    remarks: [],
    head: ['', 'high', 'low', 'dividends declared'],
    rows: quarters.map((quarter) => {
      const high = price(place, quarter)
      const low = Math.round(high * (78 + randomOf(place.company.ticker, quarter, year).next() * 18)) / 100
      return [`${quarter} quarter`, high.toFixed(2), low.toFixed(2), (0.1 + (place.company.size % 40) / 100).toFixed(2)]
    }),
    money: false,
    asks: quarters.map((a): Asked => ({ kind: 'spread', a })),
  }
}

function returns(place: Place): Sheet {
  const { company, year } = place
  const lines = [`${company.name.toLowerCase()} common stock`, 's&p 500 index', company.peers]
  const years = Array.from({ length: 6 }, (_, at) => year - 5 + at)
  return {
    heading: 'Comparison of five-year cumulative total return',
    remarks: [
      'The graph assumes that $ 100 was invested at the beginning of the period and that dividends were reinvested.',
    ],
    head: ['', ...years.map((each) => `12/31/${each}`)],
    rows: lines.map((line, row) => {
      let value = 100
      return [
        line,
        ...years.map((each, at) => {
          if (at > 0) value *= 0.8 + 0.55 * randomOf(row === 1 ? 'index' : company.ticker, line, each).next()
          return value.toFixed(2)
        }),
      ]
    }),
    money: false,
    asks: lines.map((a): Asked => ({ kind: 'return', a, y2: year })),
  }
}
