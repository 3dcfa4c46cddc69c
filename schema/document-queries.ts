import { asc, eq, sql } from 'drizzle-orm'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import { batched, type Placeholders, prepared } from '../src/kit/reads.ts'
import { pages } from './documents.ts'
import { storable } from './storable.ts'

/** A report page: lines of prose, a table (rows of cells), and more lines of prose. */
export interface Document {
  readonly path: string
  readonly title: string
  readonly before: readonly string[]
  readonly table: readonly (readonly string[])[]
  readonly after: readonly string[]
}

const pagesAt = prepared((db, { paths }: Placeholders<{ paths: readonly string[] }>) =>
  db
    .select({
      path: pages.path,
      title: pages.title,
      before: pages.textBefore,
      table: pages.tableRows,
      after: pages.textAfter,
    })
    .from(pages)
    .where(sql`${pages.path} = any(${paths})`),
)

/** Reads the page at an exact path; undefined if it does not exist. Pages that are read at the same time are one query. */
export const findDocument = batched<string, Document>(async (db, paths) => {
  const found = await findDocuments(db, paths)
  return new Map(found.map((document) => [document.path, document]))
})

/** Reads the pages at these paths, in their order, without those that do not exist. */
export async function findDocuments(db: PostgresJsDatabase, paths: readonly string[]): Promise<Document[]> {
  if (paths.length === 0) return []
  const rows = await pagesAt(db, { paths: paths.map(storable) })
  const found = new Map(rows.map((row) => [row.path, row]))
  return paths.flatMap((path) => {
    const row = found.get(path)
    return row === undefined ? [] : [{ ...row, before: linesOf(row.before), after: linesOf(row.after) }]
  })
}

/**
 * The entries of a directory in natural order, directories with a slash at the end; empty if the directory
 * does not exist. `AAL` is not the parent of `AALX/2014`.
 *
 * @param directory a path without slashes around it, or '' for the top.
 */
export async function listDirectory(db: PostgresJsDatabase, directory: string): Promise<string[]> {
  const parent = storable(directory)
  const prefix = parent === '' ? '' : `${parent}/`
  // Paths are compared by bytes, as in the index; "0" is the byte after "/".
  const inside =
    prefix === ''
      ? sql`true`
      : sql`${pages.path} collate "C" > ${prefix} and ${pages.path} collate "C" < ${`${parent}0`}`
  // Postgres counts characters, JavaScript UTF-16 units.
  const rest = sql`substr(${pages.path}, ${[...prefix].length + 1}::int)`
  const entry = sql<string>`case when strpos(${rest}, '/') > 0 then split_part(${rest}, '/', 1) || '/' else ${rest} end`
  const rows = await db
    .selectDistinct({ entry: entry.as('entry') })
    .from(pages)
    .where(inside)
  const natural = new Intl.Collator('en', { numeric: true })
  const name = (entry: string) => entry.replace(/\/$/, '')
  return rows.map((row) => row.entry).sort((a, b) => natural.compare(name(a), name(b)) || (a < b ? -1 : 1))
}

/** Existing paths that differ from an unknown one only in case, slashes or extension. */
export async function findNearPaths(db: PostgresJsDatabase, path: string): Promise<string[]> {
  const bare = (text: string) =>
    text
      .toLowerCase()
      .replace(/\/+/g, '/')
      .replace(/^[./]+|\/+$/g, '')
      .replace(/\.[a-z]{1,5}$/, '')
  const rows = await db
    .select({ path: pages.path })
    .from(pages)
    .where(eq(sql`regexp_replace(lower(${pages.path}), '[.][a-z]{1,5}$', '')`, bare(storable(path))))
    .orderBy(asc(pages.path))
    .limit(3)
  return rows.map((row) => row.path)
}

const linesOf = (text: string): string[] => (text === '' ? [] : text.split('\n'))
