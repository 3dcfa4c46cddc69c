import { sql } from 'drizzle-orm'
import {
  boolean,
  check,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  real,
  text,
  timestamp,
} from 'drizzle-orm/pg-core'

const bits = customType<{ data: string }>({ dataType: () => 'bit varying' })

/**
 * The report pages that the example's tools read. A page has prose, one table, and more prose; tools address it by
 * `path`, which contains the `company` and the `year` that a question may name.
 */
export const pages = pgTable(
  'pages',
  {
    path: text('path').primaryKey(),
    /** The page's number in the search index. */
    id: integer('id').notNull().unique().generatedAlwaysAsIdentity(),
    company: text('company').notNull(),
    year: integer('year'),
    title: text('title').notNull(),
    /** One sentence per line. */
    textBefore: text('text_before').notNull(),
    tableRows: jsonb('table_rows').$type<string[][]>().notNull(),
    /** One sentence per line. */
    textAfter: text('text_after').notNull(),
    /** Whether the page is fictional or imported: the two must not be mixed by accident. Null if unknown. */
    origin: text('origin', { enum: ['generated', 'imported'] }),
  },
  (table) => [
    index('pages_path_bytes').on(sql`(${table.path} collate "C")`),
    check('pages_origin', sql`${table.origin} in ('generated', 'imported')`),
  ],
)

/**
 * The inverted index: for each word and pair of words, its `idf`, the pages that have it, and its weight on each of
 * them.
 */
export const searchTerms = pgTable('search_terms', {
  term: text('term').primaryKey(),
  idf: real('idf').notNull(),
  pageIds: integer('page_ids').array().notNull(),
  weights: real('weights').array().notNull(),
})

/** The indexed pages without their text, so that ranking reads little data. */
export const searchPages = pgTable('search_pages', {
  pageId: integer('page_id').primaryKey(),
  path: text('path').notNull(),
  company: text('company').notNull(),
  year: integer('year'),
})

/** Words that distinguish one company's pages from all others, learned from the pages; `strength` is in (0, 1]. */
export const companyTerms = pgTable(
  'company_terms',
  { term: text('term').notNull(), company: text('company').notNull(), strength: real('strength').notNull() },
  (table) => [primaryKey({ columns: [table.term, table.company] })],
)

/** The unit vectors of the pages; `signs` has one bit per dimension, for fast preselection without pgvector. */
export const pageVectors = pgTable('page_vectors', {
  pageId: integer('page_id')
    .primaryKey()
    .references(() => pages.id, { onDelete: 'cascade' }),
  model: text('model').notNull(),
  /** The hash of the embedded text, so that only changed pages are embedded again. */
  textHash: text('text_hash').notNull(),
  vector: real('vector').array().notNull(),
  signs: bits('signs').notNull(),
})

/** What the index covers: one row once it has been built, otherwise none. */
export const searchIndex = pgTable(
  'search_index',
  {
    only: boolean('only').primaryKey().default(true),
    builtAt: timestamp('built_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    pages: integer('pages').notNull(),
    terms: integer('terms').notNull(),
    /** False once a page has changed after the index was built. */
    current: boolean('current').notNull(),
    /** The model of the pages' vectors; null for a lexical index. */
    model: text('model'),
    dimensions: integer('dimensions'),
    /** Whether the vectors are in a pgvector column too. */
    pgvector: boolean('pgvector').notNull().default(false),
  },
  (table) => [check('search_index_one', sql`${table.only}`)],
)
