import type { Company } from './companies.ts'
import { randomOf } from './random.ts'

/**
 * A company's figures in whole units of its reports: tenths of a million, or thousands. A year has the same figure on
 * every page and in every report, and parts add up to their totals.
 */
export interface Figures {
  /** A figure that varies from year to year around `share` of revenue. */
  of(name: string, share: number, year: number): number
  revenue(year: number): number
  /** Splits a total into `count` parts whose proportions are similar from year to year. */
  split(name: string, total: number, count: number, year: number): number[]
  /** What costs, overhead, interest and taxes leave of revenue. */
  netIncome(year: number): number
  costs(year: number): number
  overhead(year: number): number
  interest(year: number): number
  taxes(year: number): number
  debt(year: number): number
}

/** The figures of a company. */
export function figuresOf(seed: number, company: Company): Figures {
  const scale = company.unit === 'millions' ? 1 : 100
  const levels = new Map<string, number>()
  /** A random walk, so that each year's level depends on the previous year's. */
  const walk = (name: string, year: number, spread: number): number => {
    if (year <= company.firstYear - 8) return 1
    const key = `${name} ${year}`
    const known = levels.get(key)
    if (known !== undefined) return known
    const step =
      randomOf(seed, company.ticker, name, year).next() + randomOf(seed, company.ticker, name, -year).next() - 1
    const level = walk(name, year - 1, spread) * (1.03 + spread * step)
    levels.set(key, level)
    return level
  }
  const revenue = (year: number) => Math.round(company.size * scale * walk('revenue', year, 0.2))
  const of = (name: string, share: number, year: number) => {
    const level = walk(name, year, 0.3) / 1.03 ** (year - company.firstYear + 8)
    return Math.max(1, Math.round(revenue(year) * share * Math.min(Math.max(level, 0.5), 1.8)))
  }
  const costs = (year: number) => of('costs', 0.52, year)
  const overhead = (year: number) => of('overhead', 0.18, year)
  const interest = (year: number) => of('interest', 0.02, year)
  const taxes = (year: number) => of('taxes', 0.05, year)
  return {
    of,
    revenue,
    costs,
    overhead,
    interest,
    taxes,
    debt: (year) => of('debt', 0.45, year),
    netIncome: (year) => revenue(year) - costs(year) - overhead(year) - interest(year) - taxes(year),
    split(name, total, count, year) {
      const weights = Array.from({ length: count }, (_, part) => {
        const base = 0.3 + randomOf(seed, company.ticker, name, `part ${part}`).next()
        return base * (0.85 + 0.3 * randomOf(seed, company.ticker, name, part, year).next())
      })
      const sum = weights.reduce((a, b) => a + b, 0)
      const parts = weights.map((weight) => Math.floor((total * weight) / sum))
      const rest = total - parts.reduce((a, b) => a + b, 0)
      return parts.map((part, at) => (at === 0 ? part + rest : part))
    },
  }
}
