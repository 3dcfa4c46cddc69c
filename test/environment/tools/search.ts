import { z } from 'zod'
import { ToolError } from '../../../src/kit/errors.ts'
import { defineTool } from '../environment.ts'
import { reports } from '../reports.ts'

/** Finds the pages of the companies that the query names. */
export const search = defineTool({
  name: 'search',
  description: 'Find report pages. Name the company by its number; read a page with cat.',
  input: z.object({ query: z.string().max(10_000).describe('What to look for, in words') }),
  effects: 'none',
  run({ input }) {
    const named = new Set((input.query.match(/\d+/g) ?? []).map(Number))
    const found = reports.filter(({ company }) => named.has(company)).slice(0, 10)
    if (found.length === 0) throw new ToolError('no page matches; name a company by its number, from 0 to 119')
    return found.map(({ path, company }, at) => `${at + 1}. ${path}\n   The report of company ${company}`).join('\n')
  },
})
