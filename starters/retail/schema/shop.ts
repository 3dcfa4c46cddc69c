import { integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'

// Every rollout has its own copy of the shop: the key of each table begins with the rollout's id.

/** The customers. */
export const users = pgTable(
  'shop_users',
  {
    rolloutId: text('rollout_id').notNull(),
    id: text('id').notNull(),
    name: text('name').notNull(),
    email: text('email').notNull(),
    zip: text('zip').notNull(),
  },
  (table) => [primaryKey({ columns: [table.rolloutId, table.id] })],
)

/** Their orders. Money is in cents. */
export const orders = pgTable(
  'shop_orders',
  {
    rolloutId: text('rollout_id').notNull(),
    id: text('id').notNull(),
    userId: text('user_id').notNull(),
    status: text('status', { enum: ['pending', 'shipped', 'delivered', 'cancelled', 'exchange requested'] }).notNull(),
    /** Why it was cancelled. */
    note: text('note'),
    refundCents: integer('refund_cents').notNull().default(0),
    /** What an exchange costs; negative where the customer gets money back. */
    toPayCents: integer('to_pay_cents').notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.rolloutId, table.id] })],
)

/** The articles of an order, one per line. */
export const lines = pgTable(
  'shop_lines',
  {
    rolloutId: text('rollout_id').notNull(),
    orderId: text('order_id').notNull(),
    line: integer('line').notNull(),
    variantId: text('variant_id').notNull(),
  },
  (table) => [primaryKey({ columns: [table.rolloutId, table.orderId, table.line] })],
)
