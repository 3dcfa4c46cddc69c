import { amount, type Place, type Sheet, type YearRow, yearSheet } from './sheets.ts'

/** Notes to the statements: pensions, taxes, leases, debt, contracts, allowances, intangible assets, guarantees. */
export const noteSheets: readonly ((place: Place) => Sheet)[] = [
  pension,
  unrecognizedTax,
  leases,
  maturities,
  obligations,
  allowance,
  intangibles,
  notes,
]

function pension(place: Place): Sheet {
  const { company, figures } = place
  const obligation = (year: number) => figures.of('obligation', 0.3, year)
  const assets = (year: number) => figures.of('plan assets', 0.24, year)
  return yearSheet(place, {
    heading: `Pension plan of ${company.city} employees`,
    count: 2,
    rows: [
      { label: 'benefit obligation at end of year', at: obligation },
      { label: 'fair value of plan assets', at: assets, of: 'benefit obligation at end of year' },
      { label: 'service cost', at: (year) => figures.of('service cost', 0.008, year) },
      { label: 'interest cost', at: (year) => figures.of('interest cost', 0.012, year) },
      { label: 'expected return on plan assets', at: (year) => figures.of('expected return', 0.015, year) },
      { label: 'funded status', at: (year) => assets(year) - obligation(year), quiet: true },
    ],
  })
}

function unrecognizedTax(place: Place): Sheet {
  const { figures } = place
  const balance = (year: number) => figures.of('tax benefits', 0.02, year)
  const added = (year: number) => figures.of('tax additions', 0.004, year)
  const settled = (year: number) => -figures.of('tax settlements', 0.002, year)
  return yearSheet(place, {
    heading: 'Unrecognized tax benefits',
    count: 3,
    rows: [
      { label: 'balance at beginning of year', at: (year) => balance(year - 1) },
      { label: 'additions based on current year positions', at: added, of: 'unrecognized tax benefits at end of year' },
      { label: 'settlements with authorities', at: settled },
      {
        label: 'other changes',
        at: (year) => balance(year) - balance(year - 1) - added(year) - settled(year),
        quiet: true,
      },
      { label: 'unrecognized tax benefits at end of year', at: balance },
    ],
  })
}

function allowance(place: Place): Sheet {
  const { figures } = place
  const balance = (year: number) => figures.of('allowance', 0.01, year)
  const charged = (year: number) => figures.of('allowance charged', 0.004, year)
  return yearSheet(place, {
    heading: 'Allowance for doubtful accounts',
    count: 3,
    rows: [
      { label: 'allowance at beginning of year', at: (year) => balance(year - 1) },
      { label: 'provision charged against earnings', at: charged, of: 'allowance at end of year' },
      { label: 'accounts written off', at: (year) => balance(year) - balance(year - 1) - charged(year), quiet: true },
      { label: 'allowance at end of year', at: balance },
    ],
  })
}

function intangibles(place: Place): Sheet {
  const { company, figures } = place
  const labels = ['customer relationships', 'developed technology', 'trade names', `${company.segments[0]} licenses`]
  const total = (year: number) => figures.of('intangibles', 0.2, year)
  return yearSheet(place, {
    heading: 'Intangible assets, net',
    count: 2,
    rows: [
      ...labels.map(
        (label, at): YearRow => ({
          label,
          at: (year) => figures.split('intangibles', total(year), labels.length, year)[at] ?? 0,
          of: 'total intangible assets',
        }),
      ),
      { label: 'total intangible assets', at: total },
    ],
  })
}

function leases(place: Place): Sheet {
  return schedule(place, {
    heading: 'Operating leases',
    total: 'total minimum lease payments',
    sum: place.figures.of('leases', 0.12, place.year),
  })
}

function maturities(place: Place): Sheet {
  return schedule(place, {
    heading: 'Maturities of long-term debt',
    total: 'total long-term debt',
    sum: place.figures.debt(place.year),
  })
}

/** What is due in each of the next five years, and thereafter. */
function schedule(
  { company, figures, year }: Place,
  { heading, total, sum }: { heading: string; total: string; sum: number },
): Sheet {
  const parts = figures.split(heading, sum, 6, year)
  const labels = [...[1, 2, 3, 4, 5].map((ahead) => String(year + ahead)), 'thereafter']
  return {
    heading,
    remarks: [],
    head: ['', 'amount'],
    rows: [...labels.map((label, at) => [label, amount(company, parts[at] ?? 0)]), [total, amount(company, sum)]],
    money: true,
    asks: labels.map((a) => ({ kind: 'maturity', a, b: total, ...(a !== 'thereafter' && { y1: Number(a) }) })),
  }
}

function obligations({ company, figures, year }: Place): Sheet {
  const spans = ['less than 1 year', '1-3 years', '3-5 years', 'more than 5 years']
  const kinds = ['long-term debt', 'operating leases', 'purchase commitments', 'pension contributions']
  const totals = [
    figures.debt(year),
    figures.of('leases', 0.12, year),
    figures.of('commitments', 0.1, year),
    figures.of('contributions', 0.03, year),
  ]
  const parts = kinds.map((kind, at) => figures.split(`${kind} spans`, totals[at] ?? 0, spans.length, year))
  const sums = spans.map((_, at) => parts.reduce((sum, part) => sum + (part[at] ?? 0), 0))
  const written = (label: string, total: number, part: readonly number[]) => [
    label,
    amount(company, total),
    ...part.map((value) => amount(company, value)),
  ]
  const all = 'total contractual obligations'
  return {
    heading: 'Contractual obligations and commercial commitments',
    remarks: [],
    head: ['', 'total', ...spans],
    rows: [
      ...kinds.map((kind, at) => written(kind, totals[at] ?? 0, parts[at] ?? [])),
      written(
        all,
        totals.reduce((a, b) => a + b, 0),
        sums,
      ),
    ],
    money: true,
    asks: [...kinds, all].flatMap((a) => spans.map((c) => ({ kind: 'due' as const, a, c }))),
  }
}

function notes(place: Place): Sheet {
  const { company, figures, random } = place
  const coupon = (at: number) =>
    `${3 + ((company.size + at * 7) % 5)}.${(company.size * (at + 3)) % 4 === 0 ? '125' : '75'}%`
  const labels = [1, 2, 3].map(
    (at) =>
      `${coupon(at)} ${['senior notes', 'debentures', 'convertible notes'][at - 1]} due ${company.firstYear + 8 + at * 4}`,
  )
  const parts = (year: number) => figures.split('notes', figures.debt(year), 4, year)
  return yearSheet(place, {
    heading: 'Long-term debt',
    count: 2,
    rows: [
      ...labels.map((label, at): YearRow => ({ label, at: (year) => parts(year)[at] ?? 0, of: 'total debt' })),
      { label: 'revolving credit facility', at: (year) => parts(year)[3] ?? 0, of: 'total debt' },
      { label: 'total debt', at: figures.debt, quiet: true },
    ],
    remarks: [`The revolving credit facility bears interest at LIBOR plus ${random.whole(75, 225)} basis points.`],
  })
}
