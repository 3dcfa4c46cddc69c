import { sql } from 'drizzle-orm'
import {
  boolean,
  check,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  real,
  text,
  timestamp,
  uuid,
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
    /** The page's number, which its vector refers to. */
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

/** The state of the pages: one row once an import was completed, otherwise none. */
export const searchIndex = pgTable(
  'search_index',
  {
    only: boolean('only').primaryKey().default(true),
    builtAt: timestamp('built_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    /** Another one after each change of a page, in the same transaction, by a trigger: see the migration. */
    version: uuid('version').notNull().defaultRandom(),
    /** False once a page has been imported after the last complete import. */
    current: boolean('current').notNull(),
    /** The model of the pages' vectors; null while search is lexical. */
    model: text('model'),
    dimensions: integer('dimensions'),
    /** Whether the vectors are in a pgvector column too. */
    pgvector: boolean('pgvector').notNull().default(false),
  },
  (table) => [check('search_index_one', sql`${table.only}`)],
)
