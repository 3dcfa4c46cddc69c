import { z } from 'zod'
import { findDocument, findNearPaths } from '../schema/document-queries.ts'
import { defineTool } from '../schema/environment.ts'
import { ToolError } from '../src/kit/errors.ts'
import { formatDocument } from './format-document.ts'

/** Reads one page. */
export const cat = defineTool({
  name: 'cat',
  description: 'Read the report page at an exact path, such as one from search or list: its text and its table.',
  input: z.object({ path: z.string().min(1).max(1000).describe('The path of the page') }),
  effects: 'none',
  rows: false,
  async run({ input, db }) {
    const document = await findDocument(db, input.path)
    if (document) return formatDocument(document)
    const near = await findNearPaths(db, input.path)
    throw new ToolError(
      near.length > 0
        ? `no page at ${JSON.stringify(input.path)}; did you mean ${near.map((path) => JSON.stringify(path)).join(' or ')}?`
        : `no page at ${JSON.stringify(input.path)}; use list to see what is there, or search to find a page`,
    )
  },
})
