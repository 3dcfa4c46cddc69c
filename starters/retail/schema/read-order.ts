import { and, asc, eq } from 'drizzle-orm'
import type { Db, Tx } from '../../../src/kit/environment.ts'
import { ToolError } from '../../../src/kit/errors.ts'
import { openShop } from './open-shop.ts'
import { lines, orders } from './shop.ts'

/**
 * Reads an order of the rollout's shop with the variants of its lines, in order.
 *
 * @throws ToolError for an order number that does not exist.
 */
export async function readOrder(db: Db | Tx, rolloutId: string, orderId: string) {
  await openShop(db, rolloutId)
  const id = orderId.trim().toUpperCase()
  const [order] = await db
    .select()
    .from(orders)
    .where(and(eq(orders.rolloutId, rolloutId), eq(orders.id, id)))
  if (order === undefined) throw new ToolError(`there is no order "${id}"; find_user lists the orders of a customer`)
  const found = await db
    .select({ variantId: lines.variantId })
    .from(lines)
    .where(and(eq(lines.rolloutId, rolloutId), eq(lines.orderId, id)))
    .orderBy(asc(lines.line))
  return { order, variantIds: found.map(({ variantId }) => variantId) }
}
