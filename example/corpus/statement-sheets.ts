import { type Place, type Sheet, type YearRow, yearSheet } from './sheets.ts'

/** Income, segments, the balance sheet, cash flows. */
export const statementSheets: readonly ((place: Place) => Sheet)[] = [income, segments, balance, cashFlows, results]

function income(place: Place): Sheet {
  const { company, figures } = place
  const { revenue } = company
  return yearSheet(place, {
    heading: 'Consolidated statements of operations',
    count: 3,
    rows: [
      { label: revenue, at: figures.revenue },
      { label: `cost of ${revenue}`, at: figures.costs, of: revenue },
      { label: company.overhead, at: figures.overhead, of: revenue },
      { label: 'operating income', at: (year) => operatingIncome(place, year), of: revenue },
      { label: 'interest expense', at: figures.interest, of: 'operating income' },
      { label: 'provision of income taxes', at: figures.taxes },
      { label: 'net income', at: figures.netIncome, of: revenue },
    ],
  })
}

const operatingIncome = ({ figures }: Place, year: number) =>
  figures.revenue(year) - figures.costs(year) - figures.overhead(year)

function segments(place: Place): Sheet {
  const { company, figures, random } = place
  const total = `total ${company.revenue.replace(/^total /, '')}`
  const part = (at: number) => (year: number) =>
    figures.split('segments', figures.revenue(year), company.segments.length, year)[at] ?? 0
  return yearSheet(place, {
    heading: 'Segment information',
    count: random.whole(2, 3),
    rows: [
      ...company.segments.map((label, at): YearRow => ({ label, at: part(at), of: total })),
      { label: total, at: figures.revenue, quiet: true },
    ],
    remarks: [`The company reports ${company.segments.length} segments, which the chief executive reviews each month.`],
  })
}

function results(place: Place): Sheet {
  const { company, figures, random } = place
  const segment = random.pick([company.segments[0] ?? '', ...company.segments.slice(1)])
  const at = company.segments.indexOf(segment)
  const sales = (year: number) =>
    figures.split('segments', figures.revenue(year), company.segments.length, year)[at] ?? 0
  const profit = (year: number) =>
    Math.min(figures.of(`${segment} profit`, 0.14 / company.segments.length, year), sales(year))
  return yearSheet(place, {
    heading: `Results of the ${segment} segment`,
    count: 3,
    rows: [
      { label: `${segment} ${company.revenue}`, at: sales },
      { label: `${segment} operating profit`, at: profit, of: `${segment} ${company.revenue}` },
      { label: `${segment} capital expenditures`, at: (year) => figures.of(`${segment} capital`, 0.02, year) },
      { label: `${segment} backlog`, at: (year) => figures.of(`${segment} backlog`, 0.1, year) },
    ],
  })
}

function balance(place: Place): Sheet {
  const { figures } = place
  const parts = ['cash and cash equivalents', 'accounts receivable', 'inventories', 'prepaid expenses']
  const shares = [0.09, 0.14, 0.11, 0.03]
  const part = (at: number) => (year: number) => figures.of(parts[at] ?? '', shares[at] ?? 0, year)
  const current = (year: number) => parts.reduce((sum, _, at) => sum + part(at)(year), 0)
  const plant = (year: number) => figures.of('plant', 0.5, year)
  const goodwill = (year: number) => figures.of('goodwill', 0.25, year)
  const assets = (year: number) => current(year) + plant(year) + goodwill(year)
  return yearSheet(place, {
    heading: 'Consolidated balance sheets',
    count: 2,
    rows: [
      ...parts.map((label, at): YearRow => ({ label, at: part(at), of: 'total current assets' })),
      { label: 'total current assets', at: current, of: 'total assets' },
      { label: 'property and equipment', at: plant, of: 'total assets' },
      { label: 'goodwill', at: goodwill, of: 'total assets' },
      { label: 'total assets', at: assets },
    ],
  })
}

function cashFlows(place: Place): Sheet {
  const { figures } = place
  const operating = (year: number) => figures.of('operating cash', 0.16, year)
  const investing = (year: number) => -figures.of('investing cash', 0.09, year)
  const financing = (year: number) => -figures.of('financing cash', 0.05, year)
  return yearSheet(place, {
    heading: 'Liquidity and cash flows',
    count: 3,
    rows: [
      { label: 'net cash provided by operating activities', at: operating },
      { label: 'net cash used by investing activities', at: investing },
      { label: 'net cash used by financing activities', at: financing },
      { label: 'capital expenditures', at: (year) => figures.of('capital', 0.06, year) },
      { label: 'dividends paid', at: (year) => figures.of('dividends', 0.02, year) },
      { label: 'free cash flow', at: (year) => operating(year) - figures.of('capital', 0.06, year), quiet: true },
    ],
  })
}
