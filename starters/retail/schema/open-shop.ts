import type { Tx } from '../../../src/kit/environment.ts'
import { lines, orders, users } from './shop.ts'
import { startingOrders, startingUsers } from './world.ts'

/** Gives a rollout its copy of the shop. It runs once, before the rollout's first call. */
export async function openShop(tx: Tx): Promise<void> {
  await tx.insert(users).values([...startingUsers])
  await tx.insert(orders).values(startingOrders.map(({ id, userId, status }) => ({ id, userId, status })))
  await tx
    .insert(lines)
    .values(
      startingOrders.flatMap(({ id: orderId, variantIds }) =>
        variantIds.map((variantId, at) => ({ orderId, line: at + 1, variantId })),
      ),
    )
}
