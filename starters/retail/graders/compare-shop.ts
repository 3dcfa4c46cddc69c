import type { Db } from '../../../src/kit/environment.ts'
import type { environment } from '../schema/environment.ts'
import { lines, orders, users } from '../schema/shop.ts'
import { startingOrders, startingUsers } from '../schema/world.ts'

/** How an order ends; see the reference of the environment. */
export type Change = Extract<ReturnType<typeof environment.readItem>, { fits: true }>['reference']['changes'][number]

interface OrderRow {
  readonly id: string
  readonly userId: string
  readonly status: string
  readonly note: string | null
  readonly refundCents: number
  readonly toPayCents: number
  readonly variants: readonly string[]
}

/** The shop as it should be at the end, as text that can be compared with {@link recordedShop}. */
export function expectedShop(changes: readonly Change[]): string {
  const untouched = { note: null, refundCents: 0, toPayCents: 0 }
  const rows = startingOrders.map(({ id, userId, status, variantIds }): OrderRow => {
    const change = changes.find(({ order }) => order === id)
    return { id, userId, status, ...untouched, variants: variantIds, ...change }
  })
  return shopText(startingUsers, rows)
}

/** The shop as the rollout left it. Rows of every table and column count. */
export async function recordedShop(db: Db): Promise<string> {
  const [people, sold, parts] = await Promise.all([
    db.select().from(users),
    db.select().from(orders),
    db.select().from(lines),
  ])
  const rows = sold.map((order): OrderRow => {
    const own = parts.filter(({ orderId }) => orderId === order.id).sort((a, b) => a.line - b.line)
    return { ...order, variants: own.map(({ variantId }) => variantId) }
  })
  return shopText(people, rows)
}

interface User {
  readonly id: string
  readonly name: string
  readonly email: string
  readonly zip: string
}

function shopText(people: readonly User[], rows: readonly OrderRow[]): string {
  const byId = (a: { readonly id: string }, b: { readonly id: string }) => (a.id < b.id ? -1 : 1)
  return JSON.stringify({
    users: [...people].sort(byId).map(({ id, name, email, zip }) => [id, name, email, zip]),
    orders: [...rows]
      .sort(byId)
      .map((row) => [row.id, row.userId, row.status, row.note, row.refundCents, row.toPayCents, row.variants]),
  })
}
