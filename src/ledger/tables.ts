import { sql } from 'drizzle-orm'
import {
  bigint,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgSequence,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core'

// Every key leads with the run, so that a distributed Postgres can keep the rows of a run together. The tables of calls and
// gradings are keyed by the rollout's number, so that their indexes grow at their end.

const timestamptz = (name: string) => timestamp(name, { withTimezone: true, precision: 3 })

/** One row for each job that uses the server: a training run, an evaluation. Made with its first rollout. */
export const runs = pgTable('runs', {
  name: text('name').primaryKey(),
  title: text('title'),
  createdAt: timestamptz('created_at').notNull().defaultNow(),
})

/**
 * The dataset rows of a run's rollouts, each stored once under the SHA-256 of its canonical JSON. Retention uses
 * `last_used_at` to keep items that a new rollout is about to refer to.
 */
export const items = pgTable(
  'items',
  {
    run: text('run').notNull(),
    hash: text('hash').notNull(),
    content: jsonb('content').notNull(),
    createdAt: timestamptz('created_at').notNull().defaultNow(),
    lastUsedAt: timestamptz('last_used_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.run, table.hash] })],
)

/** A sequence and not an identity column, which partitioned tables do not have before Postgres 17. */
export const rolloutNumbers = pgSequence('rollout_numbers')
export const gradeNumbers = pgSequence('grade_numbers')

/**
 * One row for each attempt: each use of a rollout id within a run. `number` is unique across all runs. `calls` is the `seq`
 * of its latest tool call, so that counting, numbering and the budget are one increment under the row's lock. `state` is
 * null until a tool changes it.
 *
 * An attempt is open, then ended (`ended_at`: no call joins it any more), then released (`released_at`: the environment's
 * `end` has run and the rows that it held are deleted).
 */
export const rollouts = pgTable(
  'rollouts',
  {
    run: text('run').notNull(),
    number: bigint('number', { mode: 'number' }).notNull().default(sql`nextval('rollout_numbers')`),
    /** The trainer's id. */
    id: text('id').notNull(),
    attempt: integer('attempt').notNull().default(1),
    itemHash: text('item_hash').notNull(),
    calls: integer('calls').notNull().default(0),
    state: jsonb('state'),
    /** The protocol and the name of the key by which it began; null if unknown. */
    wire: text('wire'),
    keyName: text('key_name'),
    createdAt: timestamptz('created_at').notNull().defaultNow(),
    /** When its `begin` committed; null in environments that need none, and for one that only has failures to begin. */
    begunAt: timestamptz('begun_at'),
    /** When its first grading was recorded, whatever the outcome. */
    gradedAt: timestamptz('graded_at'),
    /** It ends at this time unless it is used before: each use sets it anew. */
    dueAt: timestamptz('due_at').notNull().default(sql`now() + interval '1 hour'`),
    endedAt: timestamptz('ended_at'),
    /** How it ended: after a grading, idle without one, or closed by the trainer without one. */
    outcome: text('outcome', { enum: ['graded', 'abandoned', 'closed'] }),
    /** Until then, one process runs its `end`. */
    leaseUntil: timestamptz('lease_until'),
    releasedAt: timestamptz('released_at'),
  },
  (table) => [
    primaryKey({ columns: [table.run, table.number] }),
    uniqueIndex('rollouts_attempt').on(table.run, table.id, table.attempt),
    index('rollouts_item_hash').on(table.run, table.itemHash),
    // Housekeeping reads in this order. The columns change at most once, so other updates of a rollout stay heap-only.
    index('rollouts_created_at').on(table.createdAt),
    index('rollouts_unreleased').on(table.createdAt).where(sql`${table.releasedAt} is null`),
  ],
)

/**
 * One row for each tool call, identified by (rollout, call, nth). There is no foreign key to the rollout and no unique index
 * on `seq`: both would cost time on every call, and the ledger writes the two tables in one statement.
 */
export const toolCalls = pgTable(
  'tool_calls',
  {
    run: text('run').notNull(),
    /** The rollout's number. */
    rollout: bigint('rollout', { mode: 'number' }).notNull(),
    callId: text('call_id').notNull(),
    /** 1, and more for other calls of the attempt that reuse the id with another tool or other arguments. */
    nth: integer('nth').notNull().default(1),
    seq: integer('seq').notNull(),
    tool: text('tool').notNull(),
    arguments: jsonb('arguments').notNull(),
    /** Hash of the arguments as the model gave them, if the stored ones are redacted; null otherwise. */
    argumentsHash: text('arguments_hash'),
    outcome: text('outcome', { enum: ['running', 'ok', 'refused', 'failed'] }).notNull(),
    output: text('output').notNull(),
    code: text('code'),
    /** Why a failed call failed, redacted: the error's type, message, stack and causes; null for the others. */
    cause: jsonb('cause'),
    /** How many times its tool was run: a call that failed and is made again has a second execution. */
    execution: integer('execution').notNull().default(1),
    /** The token of the only execution that may settle the call; null when it is settled at once. */
    claim: text('claim'),
    leaseUntil: timestamptz('lease_until'),
    startedAt: timestamptz('started_at').notNull(),
    finishedAt: timestamptz('finished_at'),
    /** The rollout's state before and after a call that changed it; null for the others. */
    stateBefore: jsonb('state_before'),
    stateAfter: jsonb('state_after'),
  },
  (table) => [
    primaryKey({ columns: [table.run, table.rollout, table.callId, table.nth] }),
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
    run: text('run').notNull(),
    id: bigint('id', { mode: 'number' }).notNull().default(sql`nextval('grade_numbers')`),
    /** The rollout's number. */
    rollout: bigint('rollout', { mode: 'number' }).notNull(),
    grader: text('grader').notNull(),
    version: text('version').notNull(),
    /** A hash of the grader's files; a different one under the same version is an undeclared change. */
    codeHash: text('code_hash'),
    source: text('source', { enum: ['trainer', 'regrade'] }).notNull(),
    /** A random token of the grader's execution, so that a statement whose answer was lost can be sent again. */
    execution: text('execution').notNull().default(sql`gen_random_uuid()::text`),
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
    primaryKey({ columns: [table.run, table.id] }),
    check('grades_outcome', sql`${table.outcome} in ('scored', 'ungradable', 'failed')`),
    check('grades_score', sql`(${table.outcome} = 'scored') = (${table.score} is not null)`),
    // Finds a rollout's gradings too.
    uniqueIndex('grades_execution').on(table.run, table.rollout, table.execution),
    // One score for each request of a trainer: the second of two concurrent gradings finds the first.
    uniqueIndex('grades_once')
      .on(table.run, table.rollout, table.grader, table.sampleHash, table.itemHash)
      .where(sql`${table.outcome} = 'scored' and ${table.source} = 'trainer'`),
    // One score for each version of the code: re-gradings may be repeated, and may run concurrently.
    uniqueIndex('grades_regraded_once')
      .on(
        table.run,
        table.rollout,
        table.grader,
        table.sampleHash,
        table.itemHash,
        table.version,
        sql`coalesce(${table.codeHash}, '')`,
      )
      .where(sql`${table.outcome} = 'scored' and ${table.source} = 'regrade'`),
    // An incremental export reads what was graded since its cursor.
    index('grades_created_at').on(table.createdAt).where(sql`${table.source} = 'trainer'`),
  ],
)

/** How many calls and gradings of a rollout were answered from the ledger; a row only for a rollout with any. */
export const replays = pgTable(
  'replays',
  {
    run: text('run').notNull(),
    /** The rollout's number. */
    rollout: bigint('rollout', { mode: 'number' }).notNull(),
    calls: integer('calls').notNull().default(0),
    gradings: integer('gradings').notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.run, table.rollout] })],
)

/** The keys with which the server signs what it hands out, such as sessions: one of each name for all replicas. */
export const signingKeys = pgTable('signing_keys', {
  name: text('name').primaryKey(),
  /** 32 random bytes in base64. */
  key: text('key').notNull(),
  createdAt: timestamptz('created_at').notNull().defaultNow(),
})
