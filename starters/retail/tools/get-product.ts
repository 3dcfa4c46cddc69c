import { z } from 'zod'
import { ToolError } from '../../../src/kit/errors.ts'
import { defineTool } from '../schema/environment.ts'
import { money, products, variants } from '../schema/world.ts'

/** Lists the variants of a product. The products are the same for every rollout, so no row is read. */
export const getProduct = defineTool({
  name: 'get_product',
  description: 'List the variants of a product with variant ids, prices and whether they are in stock.',
  input: z.object({ product: z.string().max(60).describe('Its name, such as "desk lamp", or a variant id of it') }),
  effects: 'none',
  rows: false,
  run({ input }) {
    const wanted = input.product.trim().toLowerCase()
    const ofVariant = [...variants.values()].find(({ id }) => id.toLowerCase() === wanted)?.product
    const id = ofVariant ?? Object.keys(products).find((key) => products[key] === wanted)
    if (id === undefined) {
      throw new ToolError(`there is no product "${input.product}"; there is ${Object.values(products).join(', ')}`)
    }
    return [...variants.values()]
      .filter(({ product }) => product === id)
      .map(({ id: variant_id, option, cents, inStock }) => ({
        variant_id,
        name: products[id],
        option,
        price: money(cents),
        in_stock: inStock,
      }))
  },
})
