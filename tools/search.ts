import { z } from 'zod'
import { defineTool } from '../schema/environment.ts'
import { searchPages } from '../schema/search.ts'
import { ToolError } from '../src/kit/errors.ts'
import { snippetOf } from './snippet.ts'

/** Finds pages by words, and also by meaning if an embeddings endpoint is configured. */
export const search = defineTool({
  name: 'search',
  description:
    'Find report pages: up to ten, best first, each with its path, a title line and a snippet. Name the company, the ' +
    'year and the figure that you are looking for; read a page with cat.',
  input: z.object({ query: z.string().max(10_000).describe('What to look for, in words') }),
  effects: 'none',
  rows: false,
  async run({ input, db, embed, signal }) {
    const query = input.query.trim()
    if (!/[\p{L}\p{N}]/u.test(query)) throw new ToolError('the query is empty; say in words what to look for')
    const vector = embed ? (await embed([query], signal))[0] : undefined
    const hits = await searchPages(db, { query, vector })
    if (hits.length === 0) return 'no page has any of these words; try others, or list the reports'
    return hits
      .map(({ page }, at) => [`${at + 1}. ${page.path}`, page.title, snippetOf(page, query)])
      .map((lines) => lines.filter((line) => line !== ''))
      .map((lines) => lines.join('\n   '))
      .join('\n')
  },
})
