import { z } from 'zod'
import { defineTool } from '../schema/environment.ts'
import { readOrder } from '../schema/read-order.ts'
import { money, products, totalOf, variants } from '../schema/world.ts'

/** Shows an order: whose it is, its status, its articles and its total. */
export const getOrder = defineTool({
  name: 'get_order',
  description: 'Show an order: user id, status, articles with variant ids and prices, total.',
  input: z.object({ order_id: z.string().max(40).describe('Such as "W1001"') }),
  effects: 'none',
  async run({ input, db }) {
    const { order, variantIds } = await readOrder(db, input.order_id)
    return {
      order_id: order.id,
      user_id: order.userId,
      status: order.status,
      items: variantIds.map((id) => {
        const variant = variants.get(id)
        return { variant_id: id, name: products[variant?.product ?? ''], option: variant?.option, price: price(id) }
      }),
      total: money(totalOf(variantIds)),
    }
  },
})

const price = (id: string) => money(totalOf([id]))
