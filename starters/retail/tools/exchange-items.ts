import { eq } from 'drizzle-orm'
import { z } from 'zod'
import { ToolError } from '../../../src/kit/errors.ts'
import { defineTool } from '../schema/environment.ts'
import { readOrder } from '../schema/read-order.ts'
import { lines, orders } from '../schema/shop.ts'
import { money, totalOf, variants } from '../schema/world.ts'

/** Exchanges articles of a delivered order for other variants of the same products, once per order. */
export const exchangeItems = defineTool({
  name: 'exchange_items',
  description:
    'Exchange articles of a delivered order for other variants of the same product. Possible once per order.',
  input: z.object({
    order_id: z.string().max(40),
    exchanges: z
      .array(z.object({ from: z.string().max(40), to: z.string().max(40) }))
      .min(1)
      .max(10)
      .describe('Variant ids: the one in the order, and the one that the customer wants'),
  }),
  effects: 'database',
  async run({ input, tx }) {
    const { order, variantIds } = await readOrder(tx, input.order_id)
    if (order.status !== 'delivered') {
      throw new ToolError(`order ${order.id} is ${order.status}; only a delivered order can be exchanged, once`)
    }
    const after = [...variantIds]
    for (const { from, to } of input.exchanges) {
      const at = after.indexOf(from)
      if (at === -1) throw new ToolError(`order ${order.id} has no "${from}"; get_order lists its variant ids`)
      after[at] = checkedVariant(from, to)
    }
    const toPayCents = totalOf(after) - totalOf(variantIds)
    await tx.delete(lines).where(eq(lines.orderId, order.id))
    await tx.insert(lines).values(after.map((variantId, at) => ({ orderId: order.id, line: at + 1, variantId })))
    await tx.update(orders).set({ status: 'exchange requested', toPayCents }).where(eq(orders.id, order.id))
    const price = toPayCents < 0 ? `${money(-toPayCents)} is refunded` : `${money(toPayCents)} is to pay`
    return `The exchange of order ${order.id} is requested; ${price}.`
  },
})

/** The variant to exchange for; a ToolError for one that cannot be had. */
function checkedVariant(from: string, to: string): string {
  const [old, wanted] = [variants.get(from), variants.get(to)]
  if (wanted === undefined || wanted.product !== old?.product || to === from) {
    throw new ToolError(`"${to}" is not another variant of the product of "${from}"; get_product lists them`)
  }
  if (!wanted.inStock) throw new ToolError(`"${to}" is out of stock`)
  return to
}
