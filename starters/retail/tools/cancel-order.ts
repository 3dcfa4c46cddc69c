import { eq } from 'drizzle-orm'
import { z } from 'zod'
import { ToolError } from '../../../src/kit/errors.ts'
import { defineTool } from '../schema/environment.ts'
import { readOrder } from '../schema/read-order.ts'
import { orders } from '../schema/shop.ts'
import { money, totalOf } from '../schema/world.ts'

/** Cancels a pending order and refunds its total, in the transaction of the call's record: exactly once. */
export const cancelOrder = defineTool({
  name: 'cancel_order',
  description: 'Cancel a pending order and refund its total. Whose order it is, is for you to check.',
  input: z.object({
    order_id: z.string().max(40),
    reason: z.enum(['no longer needed', 'ordered by mistake']).describe('The reason that the customer gives'),
  }),
  effects: 'database',
  async run({ input, tx }) {
    const { order, variantIds } = await readOrder(tx, input.order_id)
    if (order.status !== 'pending') {
      throw new ToolError(`order ${order.id} is ${order.status}; only a pending order can be cancelled`)
    }
    const refundCents = totalOf(variantIds)
    await tx.update(orders).set({ status: 'cancelled', note: input.reason, refundCents }).where(eq(orders.id, order.id))
    return `Order ${order.id} is cancelled; ${money(refundCents)} is refunded.`
  },
})
