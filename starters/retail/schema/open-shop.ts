import { eq } from 'drizzle-orm'
import type { Db, Tx } from '../../../src/kit/environment.ts'
import { lines, orders, users } from './shop.ts'
import { startingOrders, startingUsers } from './world.ts'

/**
 * Makes the rollout's copy of the shop if it has none yet: once, whichever call comes first and however many come at once.
 * Every tool and the grader call it before they touch a row.
 */
export async function openShop(db: Db | Tx, rolloutId: string): Promise<void> {
  const seeded = await db.select({ id: users.id }).from(users).where(eq(users.rolloutId, rolloutId)).limit(1)
  if (seeded.length > 0) return
  await db.transaction(async (tx) => {
    // A concurrent first call waits here for the other one's commit, and then inserts nothing.
    const rows = startingUsers.map((user) => ({ rolloutId, ...user }))
    const inserted = await tx.insert(users).values(rows).onConflictDoNothing().returning({ id: users.id })
    if (inserted.length === 0) return
    await tx.insert(orders).values(startingOrders.map(({ id, userId, status }) => ({ rolloutId, id, userId, status })))
    await tx
      .insert(lines)
      .values(
        startingOrders.flatMap(({ id: orderId, variantIds }) =>
          variantIds.map((variantId, at) => ({ rolloutId, orderId, line: at + 1, variantId })),
        ),
      )
  })
}
