import { sql } from 'drizzle-orm'
import {
  bigint,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core'

const timestamptz = (name: string) => timestamp(name, { withTimezone: true, precision: 3 })

/**
 * The dataset rows of rollouts, each stored once under the SHA-256 of its canonical JSON. Retention uses `last_used_at` to
 * keep items that a new rollout is about to refer to.
 */
export const items = pgTable('items', {
  hash: text('hash').primaryKey(),
  content: jsonb('content').notNull(),
  createdAt: timestamptz('created_at').notNull().defaultNow(),
  lastUsedAt: timestamptz('last_used_at').notNull().defaultNow(),
})

/**
 * One row for each rollout. `calls` is the `seq` of its latest tool call, so that counting, numbering and the budget are
 * one increment under the row's lock. `state` is null until a tool changes it.
 */
export const rollouts = pgTable(
  'rollouts',
  {
    id: text('id').primaryKey(),
    itemHash: text('item_hash').notNull(),
    calls: integer('calls').notNull().default(0),
    state: jsonb('state'),
    createdAt: timestamptz('created_at').notNull().defaultNow(),
  },
  (table) => [
    index('rollouts_item_hash').on(table.itemHash),
    // Retention reads in this order; neither column changes, so updates of a rollout stay heap-only.
    index('rollouts_created_at').on(table.createdAt),
  ],
)

/**
 * One row for each tool call, identified by (rollout, call). There is no foreign key to the rollout and no unique index on
 * `seq`: both would cost time on every call, and the ledger writes the two tables in one statement.
 */
export const toolCalls = pgTable(
  'tool_calls',
  {
    rolloutId: text('rollout_id').notNull(),
    callId: text('call_id').notNull(),
    seq: integer('seq').notNull(),
    tool: text('tool').notNull(),
    arguments: jsonb('arguments').notNull(),
    outcome: text('outcome', { enum: ['running', 'ok', 'refused', 'failed'] }).notNull(),
    output: text('output').notNull(),
    code: text('code'),
    /** Why a failed call failed, redacted: the error's type, message, stack and causes; null for the others. */
    cause: jsonb('cause'),
    attempt: integer('attempt').notNull().default(1),
    /** The token of the only execution that may settle the call; null when it is settled at once. */
    claim: text('claim'),
    leaseUntil: timestamptz('lease_until'),
    startedAt: timestamptz('started_at').notNull(),
    finishedAt: timestamptz('finished_at'),
  },
  (table) => [
    primaryKey({ columns: [table.rolloutId, table.callId] }),
    check('tool_calls_outcome', sql`${table.outcome} in ('running', 'ok', 'refused', 'failed')`),
    index('tool_calls_running').on(table.leaseUntil).where(sql`${table.outcome} = 'running'`),
  ],
)

/**
 * Every grading, never changed afterwards. `source` is `trainer` for a trainer's request, and `regrade` for a grading that
 * was computed later over recorded rollouts.
 */
export const grades = pgTable(
  'grades',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    rolloutId: text('rollout_id').notNull(),
    grader: text('grader').notNull(),
    version: text('version').notNull(),
    /** A hash of the grader's files; a different one under the same version is an undeclared change. */
    codeHash: text('code_hash'),
    source: text('source', { enum: ['trainer', 'regrade'] }).notNull(),
    sampleHash: text('sample_hash').notNull(),
    sample: jsonb('sample').notNull(),
    itemHash: text('item_hash').notNull(),
    outcome: text('outcome', { enum: ['scored', 'ungradable', 'failed'] }).notNull(),
    score: doublePrecision('score'),
    parts: jsonb('parts'),
    reason: text('reason'),
    code: text('code'),
    durationMs: doublePrecision('duration_ms').notNull(),
    createdAt: timestamptz('created_at').notNull().defaultNow(),
  },
  (table) => [
    check('grades_outcome', sql`${table.outcome} in ('scored', 'ungradable', 'failed')`),
    check('grades_score', sql`(${table.outcome} = 'scored') = (${table.score} is not null)`),
    // One score for each request of a trainer: the second of two concurrent gradings finds the first.
    uniqueIndex('grades_once')
      .on(table.rolloutId, table.grader, table.sampleHash)
      .where(sql`${table.outcome} = 'scored' and ${table.source} = 'trainer'`),
    // One score for each version of the code: re-gradings may be repeated, and may run concurrently.
    uniqueIndex('grades_regraded_once')
      .on(table.rolloutId, table.grader, table.sampleHash, table.version, sql`coalesce(${table.codeHash}, '')`)
      .where(sql`${table.outcome} = 'scored' and ${table.source} = 'regrade'`),
    index('grades_rollout').on(table.rolloutId),
    // An incremental export reads what was graded since its cursor.
    index('grades_created_at').on(table.createdAt).where(sql`${table.source} = 'trainer'`),
  ],
)
