import { sql } from 'drizzle-orm'
import type { Db, Tx } from '../src/kit/environment.ts'
import { batched, type Placeholders, perDatabase, prepared } from '../src/kit/reads.ts'
import { pages, searchIndex } from './documents.ts'
import { buildIndex, createVocabulary, type PageIndex, type ReadPage, readPage, type Vocabulary } from './page-index.ts'

const indexState = prepared((db: Db) =>
  db
    .select({
      version: searchIndex.version,
      current: searchIndex.current,
      model: searchIndex.model,
      dimensions: searchIndex.dimensions,
      pgvector: searchIndex.pgvector,
    })
    .from(searchIndex),
)

/** The state of the pages: `version` is new after each change of a page, `current` is false until an import is complete. */
export type IndexState = Awaited<ReturnType<typeof indexState>>[number]

/** Reads the state of the pages; undefined if no import was ever completed. Reads at the same time are one query. */
export async function readIndex(db: Db): Promise<IndexState | undefined> {
  return await stateOf(db, 'state')
}

const stateOf = batched<'state', IndexState>(async (db) => {
  const [state] = await indexState(db, {})
  return new Map(state === undefined ? [] : [['state', state]])
})

/** The copy of the pages in this process. */
interface Copy {
  readonly vocabulary: Vocabulary
  /** Undefined before the first load. */
  loaded?: { readonly version: string; readonly index: PageIndex; readonly rows: ReadonlyMap<number, CopiedRow> }
  /** The load that runs. */
  loading?: Promise<PageIndex> | undefined
}

interface CopiedRow {
  /** Postgres's number of the transaction that wrote the row. */
  readonly writtenBy: string
  readonly page: ReadPage
}

const copyOf = perDatabase((): Copy => ({ vocabulary: createVocabulary() }))

/**
 * The index of all pages, and their state. It lives in the process and is as new as Postgres: each call asks for the
 * version, and only changed pages are read again. The first call of a process takes less than a second for 3,000 pages.
 *
 * @throws Error if no import was ever completed.
 */
export async function livePages(db: Db): Promise<{ readonly index: PageIndex; readonly state: IndexState }> {
  const copy = copyOf(db)
  for (;;) {
    const state = await readIndex(db)
    if (state === undefined) {
      throw new Error('the pages are not imported yet; `npm run corpus -- generate` or `import` does it')
    }
    if (copy.loaded?.version === state.version) return { index: copy.loaded.index, state }
    // A load that began earlier may have missed the latest change, so that the version is compared again.
    if (copy.loading !== undefined) await copy.loading
    else return { index: await load(db, copy), state }
  }
}

function load(db: Db, copy: Copy): Promise<PageIndex> {
  copy.loading = loadChanges(db, copy).finally(() => {
    copy.loading = undefined
  })
  return copy.loading
}

/** How many pages are read at once: between two reads, the process answers other requests. */
const pagesAtOnce = 100

async function loadChanges(db: Db, copy: Copy): Promise<PageIndex> {
  const options = { isolationLevel: 'repeatable read', accessMode: 'read only' } as const
  return await db.transaction(async (tx) => {
    const [state] = await tx.select({ version: searchIndex.version }).from(searchIndex)
    const written = await tx.select({ id: pages.id, writtenBy: sql<string>`xmin::text` }).from(pages).orderBy(pages.id)
    const known = copy.loaded?.rows
    const changed = written.filter(({ id, writtenBy }) => known?.get(id)?.writtenBy !== writtenBy)
    const read = new Map<number, ReadPage>()
    for (let start = 0; start < changed.length; start += pagesAtOnce) {
      const ids = changed.slice(start, start + pagesAtOnce).map(({ id }) => id)
      for (const page of await readPages(tx, copy.vocabulary, ids)) read.set(page.id, page)
    }
    const rows = new Map<number, CopiedRow>()
    for (const { id, writtenBy } of written) {
      const page = read.get(id) ?? known?.get(id)?.page
      if (page !== undefined) rows.set(id, { writtenBy, page })
    }
    const index = buildIndex(
      copy.vocabulary,
      [...rows.values()].map(({ page }) => page),
    )
    copy.loaded = { version: state?.version ?? '', index, rows }
    return index
  }, options)
}

const pagesOf = prepared((db: Db, { ids }: Placeholders<{ ids: readonly number[] }>) =>
  db.select().from(pages).where(sql`${pages.id} = any(${ids})`),
)

async function readPages(tx: Tx, vocabulary: Vocabulary, ids: readonly number[]): Promise<ReadPage[]> {
  const rows = await pagesOf(tx, { ids })
  return rows.map(({ textBefore, textAfter, tableRows, ...page }) =>
    readPage(vocabulary, { ...page, before: textBefore.split('\n'), table: tableRows, after: textAfter.split('\n') }),
  )
}
