import { z } from 'zod'
import { ToolError } from '../../../src/kit/errors.ts'
import { defineTool } from '../environment.ts'
import { reports, textOf } from '../reports.ts'

/** Reads one page. */
export const cat = defineTool({
  name: 'cat',
  description: 'Read the report page at an exact path, such as one that search or list returned.',
  input: z.object({ path: z.string().min(1).max(1000).describe('The path of the page') }),
  effects: 'none',
  run({ input }) {
    const report = reports.find(({ path }) => path === input.path)
    if (report === undefined) throw new ToolError(`no page at ${JSON.stringify(input.path)}; use list or search`)
    return textOf(report)
  },
})
