import { z } from 'zod'
import { ToolError } from '../../../src/kit/errors.ts'
import { defineTool } from '../environment.ts'
import { reports } from '../reports.ts'

/** Lists a directory of pages. */
export const list = defineTool({
  name: 'list',
  description: 'List a directory of the reports, one entry a line; directories end in "/". Companies are at the top.',
  input: z.object({ path: z.string().max(1000).describe('The directory, such as "C7"; empty for the top') }),
  effects: 'none',
  run({ input }) {
    const path = input.path.trim().replace(/^\/+|\/+$/g, '')
    if (path === '') return reports.map((report) => report.path.replace(/[^/]+$/, '')).join('\n')
    const inside = reports.filter((report) => report.path.startsWith(`${path}/`))
    if (inside.length === 0) throw new ToolError(`no directory ${JSON.stringify(path)}; list an empty path to see all`)
    return inside.map((report) => report.path.slice(path.length + 1)).join('\n')
  },
})
