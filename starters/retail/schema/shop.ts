import { integer, text } from 'drizzle-orm/pg-core'
import { rolloutTable } from '../../../src/kit/rollout-table.ts'

// Every rollout has its own copy of the shop, which its tools and graders alone can reach.

/** The customers. */
export const users = rolloutTable(
  'shop_users',
  {
    id: text('id').notNull(),
    name: text('name').notNull(),
    email: text('email').notNull(),
    zip: text('zip').notNull(),
  },
  { key: ['id'] },
)

/** Their orders. Money is in cents. */
export const orders = rolloutTable(
  'shop_orders',
  {
    id: text('id').notNull(),
    userId: text('user_id').notNull(),
    status: text('status', { enum: ['pending', 'shipped', 'delivered', 'cancelled', 'exchange requested'] }).notNull(),
    /** Why it was cancelled. */
    note: text('note'),
    refundCents: integer('refund_cents').notNull().default(0),
    /** What an exchange costs; negative where the customer gets money back. */
    toPayCents: integer('to_pay_cents').notNull().default(0),
  },
  { key: ['id'] },
)

/** The articles of an order, one per line. */
export const lines = rolloutTable(
  'shop_lines',
  {
    orderId: text('order_id').notNull(),
    line: integer('line').notNull(),
    variantId: text('variant_id').notNull(),
  },
  { key: ['orderId', 'line'] },
)
