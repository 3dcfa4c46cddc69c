import { z } from 'zod'
import { findDocument, listDirectory } from '../schema/document-queries.ts'
import { defineTool } from '../schema/environment.ts'
import { ToolError } from '../src/kit/errors.ts'

const mostEntries = 400

/** Lists a directory of pages. */
export const list = defineTool({
  name: 'list',
  description:
    'List a directory of the reports, one entry per line; directories end in "/". Companies are at the top, years below.',
  input: z.object({ path: z.string().max(1000).describe('The directory, such as "ACME/2014"; empty for the top') }),
  effects: 'none',
  rows: false,
  async run({ input, db }) {
    const path = input.path
      .trim()
      .replace(/^(?:\.?\/+)+|\/+$/g, '')
      .replace(/^\.$/, '')
    const entries = await listDirectory(db, path)
    if (entries.length > mostEntries) {
      return [...entries.slice(0, mostEntries), `… and ${entries.length - mostEntries} more; search finds them`].join(
        '\n',
      )
    }
    if (entries.length > 0) return entries.join('\n')
    if (path === '') return 'there are no pages'
    if (await findDocument(db, path)) throw new ToolError(`${JSON.stringify(path)} is a page; use cat to read it`)
    throw new ToolError(
      `no directory ${JSON.stringify(path)}; ${await nearest(path, (parent) => listDirectory(db, parent))}`,
    )
  },
})

/** Advice for an unknown path: the nearest parent that exists, or entries with a similar beginning. */
async function nearest(path: string, entriesOf: (directory: string) => Promise<string[]>): Promise<string> {
  const parts = path.split('/')
  let there: string | undefined
  // From the top, stopping at the first parent that does not exist: a path of 500 parts must not cause 500 queries.
  for (let depth = 1; depth < parts.length; depth += 1) {
    const parent = parts.slice(0, depth).join('/')
    if ((await entriesOf(parent)).length === 0) break
    there = parent
  }
  if (there !== undefined) return `${JSON.stringify(there)} exists; list it to see its entries`
  const name = (parts[0] ?? '').toLowerCase()
  const alike = (await entriesOf('')).filter((entry) => entry.toLowerCase().startsWith(name)).slice(0, 5)
  return alike.length > 0 ? `there is ${alike.join(', ')}` : 'list an empty path to see the top'
}
