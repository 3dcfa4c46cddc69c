import { sql } from 'drizzle-orm'
import {
  bigint,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
} from 'drizzle-orm/pg-core'

// Sums of what the ledger records, for curves and alarms. One replica at a time writes them. They are kept longer than the
// rollouts.

const timestamptz = (name: string) => timestamp(name, { withTimezone: true, precision: 3 })

/** How far the ledger is folded into the sums; one row. */
export const rollupCursor = pgTable('rollup_cursor', {
  id: integer('id').primaryKey().default(1),
  /** Rollouts that began until then are counted. */
  begunAt: timestamptz('begun_at').notNull().default(sql`'-infinity'`),
  /** Gradings until then are counted, with the calls of the rollouts that they grade. */
  gradedAt: timestamptz('graded_at').notNull().default(sql`'-infinity'`),
  /** Of the rollouts that began until then, those that were neither graded nor ended have a row in `rollup_open`. */
  openedAt: timestamptz('opened_at').notNull().default(sql`'-infinity'`),
  /** When the latest turn of folding ended. */
  foldedAt: timestamptz('folded_at').notNull().defaultNow(),
})

/** One row for each run: its latest burst, which are rollouts that began with no gap of more than a minute. */
export const rollupRuns = pgTable('rollup_runs', {
  run: text('run').primaryKey(),
  burst: integer('burst').notNull(),
  burstFirstAt: timestamptz('burst_first_at').notNull(),
  burstLastAt: timestamptz('burst_last_at').notNull(),
  /** The protocol and the key of its latest rollout. */
  wire: text('wire'),
  keyName: text('key_name'),
})

/**
 * The sums of a run in one bucket, as `Stats`. The bucket of `burst` is its number, that of `visit` how many times an item has
 * come up, that of `minute` the minute since 1970 in which it happened; `total` has the bucket 0.
 */
export const rollups = pgTable(
  'rollups',
  {
    run: text('run').notNull(),
    kind: text('kind', { enum: ['total', 'burst', 'visit', 'minute'] }).notNull(),
    bucket: bigint('bucket', { mode: 'number' }).notNull(),
    /** When its first and its latest rollout began; in a minute, when something happened first and last. */
    firstAt: timestamptz('first_at').notNull(),
    lastAt: timestamptz('last_at').notNull(),
    stats: jsonb('stats').notNull(),
  },
  (table) => [primaryKey({ columns: [table.run, table.kind, table.bucket] })],
)

/** The rollouts of one item that began together: a trainer learns from the spread of their scores. */
export const rollupGroups = pgTable(
  'rollup_groups',
  {
    run: text('run').notNull(),
    itemHash: text('item_hash').notNull(),
    /** 1 for the first group of the item, then 2, 3 … */
    visit: integer('visit').notNull(),
    burst: integer('burst').notNull(),
    firstAt: timestamptz('first_at').notNull(),
    lastAt: timestamptz('last_at').notNull(),
    began: integer('began').notNull(),
    /** Of the scores: how many, their sum, the sum of their squares, the least and the greatest. */
    scored: integer('scored').notNull(),
    sum: doublePrecision('sum').notNull(),
    squares: doublePrecision('squares').notNull(),
    least: doublePrecision('least'),
    most: doublePrecision('most'),
  },
  (table) => [primaryKey({ columns: [table.run, table.itemHash, table.visit] })],
)

/** Rollouts that are older than a minute and were neither graded nor ended: their calls are counted while they run. */
export const rollupOpen = pgTable(
  'rollup_open',
  {
    run: text('run').notNull(),
    /** The rollout's number. */
    rollout: bigint('rollout', { mode: 'number' }).notNull(),
    /** The `seq` of its latest call that is counted. */
    seq: integer('seq').notNull(),
    dueAt: timestamptz('due_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.run, table.rollout] }), index('rollup_open_due_at').on(table.dueAt)],
)

/** What the ledger does not record and the replicas count: refused keys, items that do not fit, requests turned away. */
export const rollupRefusals = pgTable(
  'rollup_refusals',
  {
    /** The minute since 1970. */
    minute: bigint('minute', { mode: 'number' }).notNull(),
    code: text('code').notNull(),
    count: integer('count').notNull(),
  },
  (table) => [primaryKey({ columns: [table.minute, table.code] })],
)

/** The alarms and their history. `run` is empty for an alarm of the server as a whole. */
export const rollupAlarms = pgTable(
  'rollup_alarms',
  {
    run: text('run').notNull(),
    name: text('name').notNull(),
    since: timestamptz('since').notNull(),
    level: text('level', { enum: ['warn', 'page'] }).notNull(),
    /** What was seen, and what to do. */
    seen: text('seen').notNull(),
    updatedAt: timestamptz('updated_at').notNull(),
    endedAt: timestamptz('ended_at'),
  },
  (table) => [
    primaryKey({ columns: [table.run, table.name, table.since] }),
    index('rollup_alarms_open').on(table.run).where(sql`${table.endedAt} is null`),
  ],
)
