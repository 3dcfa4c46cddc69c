import { type SQL, sql } from 'drizzle-orm'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import { pages, searchIndex } from '../../schema/documents.ts'
import type { Origin } from './origins.ts'
import { type Page, placeOf, titleOf } from './page.ts'

/** The result of storing a batch of pages. */
export interface Loaded {
  added: number
  changed: number
  unchanged: number
}

/** How many pages are committed together. */
export const pagesABatch = 200

/**
 * Stores pages in one transaction; a page with the same content is left unchanged. Paths must be distinct.
 *
 * If anything changed, the same transaction marks the import as incomplete.
 */
export async function loadPages(
  db: PostgresJsDatabase,
  batch: readonly Page[],
  origin: Origin = 'imported',
): Promise<Loaded> {
  if (batch.length === 0) return { added: 0, changed: 0, unchanged: 0 }
  const rows = batch.map((page) => ({
    path: page.path,
    ...placeOf(page.path),
    title: titleOf(page),
    textBefore: page.pre_text.join('\n'),
    tableRows: page.table,
    textAfter: page.post_text.join('\n'),
    origin,
  }))
  return db.transaction(async (tx) => {
    const written = await tx
      .insert(pages)
      .values(rows)
      .onConflictDoUpdate({
        target: pages.path,
        set: {
          title: fresh('title'),
          textBefore: fresh('text_before'),
          tableRows: fresh('table_rows'),
          textAfter: fresh('text_after'),
          origin: fresh('origin'),
        },
        setWhere: sql`(${pages.title}, ${pages.textBefore}, ${pages.tableRows}, ${pages.textAfter}, ${pages.origin})
          is distinct from
          (excluded.title, excluded.text_before, excluded.table_rows, excluded.text_after, excluded.origin)`,
      })
      .returning({ added: sql<boolean>`xmax = 0` })
    if (written.length > 0) await tx.update(searchIndex).set({ current: false })
    const added = written.filter((row) => row.added).length
    return { added, changed: written.length - added, unchanged: batch.length - written.length }
  })
}

const fresh = (column: string): SQL => sql.raw(`excluded.${column}`)

/** Removes all pages and their index in one transaction. */
export async function emptyCorpus(db: PostgresJsDatabase): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.execute(sql`truncate pages, page_vectors, search_index`)
  })
}
