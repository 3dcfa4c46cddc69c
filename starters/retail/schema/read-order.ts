import { asc, eq } from 'drizzle-orm'
import type { Db, Tx } from '../../../src/kit/environment.ts'
import { ToolError } from '../../../src/kit/errors.ts'
import { lines, orders } from './shop.ts'

/**
 * Reads an order of the rollout's shop with the variants of its lines, in order.
 *
 * @throws ToolError for an order number that does not exist.
 */
export async function readOrder(db: Db | Tx, orderId: string) {
  const id = orderId.trim().toUpperCase()
  const [order] = await db.select().from(orders).where(eq(orders.id, id))
  if (order === undefined) throw new ToolError(`there is no order "${id}"; find_user lists the orders of a customer`)
  const found = await db
    .select({ variantId: lines.variantId })
    .from(lines)
    .where(eq(lines.orderId, id))
    .orderBy(asc(lines.line))
  return { order, variantIds: found.map(({ variantId }) => variantId) }
}
