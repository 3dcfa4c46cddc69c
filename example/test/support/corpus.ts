import type { Tool } from '../../../src/kit/define-tool.ts'
import type { Embed } from '../../../src/kit/environment.ts'
import { type Database, openDatabase } from '../../../src/postgres/database.ts'
import { createTestDatabase } from '../../../test/support/database.ts'
import { finishCorpus } from '../../corpus/finish.ts'
import { loadPages } from '../../corpus/load.ts'
import type { Page } from '../../corpus/page.ts'

/** An open database of a test's own with these pages, ready for search. */
export async function createCorpus(pages: readonly Page[]): Promise<Database & { url: string; drop(): Promise<void> }> {
  const { url, drop } = await createTestDatabase()
  const database = openDatabase({ url, poolSize: 2 })
  await loadPages(database.db, pages)
  await finishCorpus(database.db, { onProgress() {} })
  return {
    ...database,
    url,
    async drop() {
      await database.close()
      await drop()
    },
  }
}

/** A page with this prose and table. */
export function page(path: string, prose: string, table: string[][] = []): Page {
  return { path, pre_text: [prose], table, post_text: [] }
}

/** Calls a read-only tool as the server does; throws what it throws. */
export async function callTool(
  tool: Tool,
  args: unknown,
  { db }: Pick<Database, 'db'>,
  embed?: Embed,
): Promise<string> {
  if (tool.effects !== 'none') throw new Error(`${tool.name} has effects`)
  const opened = tool.open(args, { messages: [], reference_answer: '1' })
  if (!opened.fits) throw new Error(opened.message)
  const limit = AbortSignal.timeout(20_000)
  const signal = () => limit
  const readState = async () => ({})
  return opened.run({ run: 'default', rolloutId: 'r', callId: 'c', execution: 1, signal, embed, db, readState })
}
