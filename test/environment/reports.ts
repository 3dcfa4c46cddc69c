/** A page of a report: its path, and its one figure. */
export interface Report {
  readonly path: string
  readonly company: number
  readonly revenue: string
}

/** The page of each company: 120 of them, each with another revenue. */
export const reports: readonly Report[] = Array.from({ length: 120 }, (_, company) => ({
  path: `C${company}/2014`,
  company,
  revenue: `${1000 + company}.5`,
}))

/** The page as a tool shows it. */
export const textOf = ({ path, company, revenue }: Report): string =>
  `${path}\n\nThe report of company ${company}.\n\n| | 2014 |\n| revenue | ${revenue} |`

/** A dataset row that asks for the revenue of one of the companies. */
export function question(company: number, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    messages: [
      { role: 'developer', content: 'Answer with the number alone.' },
      { role: 'user', content: `what was the revenue of company ${company}?` },
    ],
    reference_answer: `${1000 + company}.5`,
    ...more,
  }
}
