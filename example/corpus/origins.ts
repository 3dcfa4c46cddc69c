import { eq, sql } from 'drizzle-orm'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import { pages, searchIndex } from '../../schema/documents.ts'

/** Where a page comes from: generated from a seed, or imported from a file. */
export type Origin = 'generated' | 'imported'

/** Counts the pages of each origin; pages stored before origins were recorded are in neither count. */
export async function countOrigins(db: PostgresJsDatabase): Promise<Readonly<Record<Origin, number>>> {
  const [counted] = await db
    .select({
      generated: sql<number>`count(*) filter (where ${pages.origin} = 'generated')::int`,
      imported: sql<number>`count(*) filter (where ${pages.origin} = 'imported')::int`,
    })
    .from(pages)
  return counted ?? { generated: 0, imported: 0 }
}

/** Removes the fictional pages and returns their number; the index is out of date afterwards. */
export async function removeGenerated(db: PostgresJsDatabase): Promise<number> {
  return db.transaction(async (tx) => {
    const removed = await tx.delete(pages).where(eq(pages.origin, 'generated')).returning({ path: pages.path })
    if (removed.length > 0) await tx.update(searchIndex).set({ current: false })
    return removed.length
  })
}

/** `2,800 pages`, `1 page`. */
export const countPages = (count: number): string =>
  `${count.toLocaleString('en-US')} ${count === 1 ? 'page' : 'pages'}`
