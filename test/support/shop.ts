import { eq } from 'drizzle-orm'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { defineEnvironment } from '../../src/kit/define.ts'
import { ItemError } from '../../src/kit/errors.ts'
import { rolloutTable } from '../../src/kit/rollout-table.ts'

/** A table with rows of rollouts. */
export const orders = rolloutTable(
  'orders',
  { id: text('id').notNull(), status: text('status').notNull(), cents: integer('cents').notNull().default(0) },
  { key: ['id'] },
)

/** A table that all rollouts share. */
export const products = pgTable('products', { id: text('id').primaryKey(), cents: integer('cents').notNull() })

/** What `npm run migrations` makes of the two tables. */
export const shopTables = `
  create table orders (rollout bigint default scorekeeper_rollout() not null, id text not null, status text not null,
    cents integer default 0 not null, constraint orders_rollout_id_pk primary key (rollout, id));
  alter table orders enable row level security;
  create policy scorekeeper_rollout on orders as permissive for all to public
    using (rollout = scorekeeper_rollout()) with check (rollout = scorekeeper_rollout());
  create table products (id text primary key, cents integer not null);
  insert into products values ('lamp', 3450), ('rug', 8900)`

/** How many orders each rollout begins with. */
export const seeded = 20

/** An environment that seeds each rollout's orders. Items may ask for a refusal, or for failures, once each. */
export function shopEnvironment() {
  const begun: number[] = []
  const failed = new Set<string>()
  const environment = defineEnvironment({
    task: z.object({ question: z.string().default('') }),
    reference: z.object({ answer: z.string().default('') }),
    state: z.object({}),
    async begin({ tx, rollout, task }) {
      if (task.question === 'refuse') throw new ItemError('the letter names no order')
      if (task.question === 'fail' && !failed.has(rollout.id)) {
        failed.add(rollout.id)
        throw new Error('the seeds are unavailable')
      }
      begun.push(rollout.number)
      const ids = Array.from({ length: seeded }, (_, at) => `W${at + 1}`)
      await tx.insert(orders).values(ids.map((id) => ({ id, status: 'pending' })))
    },
  })
  const { defineTool, defineGrader } = environment
  const count = defineTool({
    name: 'count',
    description: 'Count the orders.',
    input: z.object({}),
    effects: 'none',
    run: async ({ db }) => (await db.select().from(orders)).length,
  })
  const cancel = defineTool({
    name: 'cancel',
    description: 'Cancel an order.',
    input: z.object({ id: z.string() }),
    effects: 'database',
    async run({ tx, input }) {
      const changed = await tx.update(orders).set({ status: 'cancelled' }).where(eq(orders.id, input.id)).returning()
      return changed.length
    },
  })
  const ship = defineTool({
    name: 'ship',
    description: 'Ship an order.',
    input: z.object({ id: z.string() }),
    effects: 'external',
    async run({ db, input }) {
      const changed = await db.update(orders).set({ status: 'shipped' }).where(eq(orders.id, input.id)).returning()
      return changed.length
    },
  })
  const cancelled = defineGrader({
    name: 'cancelled',
    version: '1',
    async grade({ db }) {
      const rows = await db.select().from(orders)
      return rows.length === 0 ? 0 : rows.filter(({ status }) => status === 'cancelled').length / rows.length
    },
  })
  return { environment, begun, tools: [count, cancel, ship], graders: [cancelled] }
}
