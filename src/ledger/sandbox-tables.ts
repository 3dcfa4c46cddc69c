import { sql } from 'drizzle-orm'
import { bigint, check, index, integer, pgTable, primaryKey, text, timestamp } from 'drizzle-orm/pg-core'

const timestamptz = (name: string) => timestamp(name, { withTimezone: true, precision: 3 })

/**
 * One row for each sandbox of a rollout, written before the sandbox is created. `closed_at` is null as long as the sandbox
 * may exist, whatever the status: a failed one may have been created after all.
 */
export const sandboxes = pgTable(
  'sandboxes',
  {
    run: text('run').notNull(),
    /** The rollout's number. */
    rollout: bigint('rollout', { mode: 'number' }).notNull(),
    name: text('name').notNull(),
    /** 1; incremented when it is created again after a creation that certainly failed, never for one that was used. */
    generation: integer('generation').notNull().default(1),
    status: text('status', { enum: ['requested', 'opening', 'open', 'closing', 'closed', 'failed'] }).notNull(),
    provider: text('provider').notNull(),
    /** The only host from which it can be reached; null if that is any. */
    host: text('host'),
    /** How the provider names it; null until it is created. */
    handle: text('handle'),
    /** The token of the only request that may open it, and until when that holds without renewal. */
    claim: text('claim'),
    leaseUntil: timestamptz('lease_until'),
    requestedAt: timestamptz('requested_at').notNull().defaultNow(),
    /** When it got its place, or its latest creation began; null as long as it has no place, and nothing can exist. */
    grantedAt: timestamptz('granted_at'),
    openedAt: timestamptz('opened_at'),
    closedAt: timestamptz('closed_at'),
    /** When the provider may remove it by itself; each use postpones it. */
    expiresAt: timestamptz('expires_at'),
    /** How often closing it has failed, and when it is tried again. */
    closings: integer('closings').notNull().default(0),
    retryAt: timestamptz('retry_at'),
    /** Why it failed, or could not be closed: a stable code. */
    cause: text('cause'),
  },
  (table) => [
    primaryKey({ columns: [table.run, table.rollout, table.name] }),
    check('sandboxes_status', sql`${table.status} in ('requested', 'opening', 'open', 'closing', 'closed', 'failed')`),
    index('sandboxes_existing').on(table.status).where(sql`${table.closedAt} is null`),
    // The run whose latest sandbox was granted first has the next turn.
    index('sandboxes_granted').on(table.run, table.grantedAt),
    index('sandboxes_rollout').on(table.rollout),
    // Few have failed, and a report reads those of the last day.
    index('sandboxes_failures').on(table.requestedAt).where(sql`${table.cause} is not null`),
  ],
)

/** The hosts that serve sandboxes of their own machine, such as those of the local provider. */
export const sandboxHosts = pgTable('sandbox_hosts', {
  host: text('host').primaryKey(),
  seenAt: timestamptz('seen_at').notNull().defaultNow(),
})
