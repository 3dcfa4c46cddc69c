import { z } from 'zod'
import type { AgentContext } from '../../../src/workbench/simulate/agent.ts'

/** What a letter asks for, as a script can read it. */
export interface Letter {
  readonly email: string | undefined
  readonly name: string | undefined
  readonly zip: string | undefined
  readonly order: string
  readonly wish: 'cancel' | 'exchange' | 'status'
  readonly reason: 'no longer needed' | 'ordered by mistake'
  /** The options that the letter names: the one in the order, and the one that is wanted. */
  readonly exchanges: readonly { readonly product: string; readonly from: string; readonly to: string }[]
}

/** Reads a letter of the dataset. */
export function readLetter(question: string): Letter {
  const signed = /I am (?<name>[^,]+), zip code (?<zip>\d+)/.exec(question)?.groups
  const exchanges = [...question.matchAll(/the (?<product>[a-z ]+) \((?<from>[^)]+)\) for the one in (?<to>[^,.\n]+)/g)]
  return {
    email: /\S+@\S+\.\w+/.exec(question)?.[0],
    name: signed?.['name'],
    zip: signed?.['zip'],
    order: /W\d{4}/.exec(question)?.[0] ?? '',
    wish: question.includes('exchange') ? 'exchange' : question.includes('status') ? 'status' : 'cancel',
    reason: /mistake/.test(question) ? 'ordered by mistake' : 'no longer needed',
    exchanges: exchanges.map(({ groups = {} }) => ({
      product: groups['product'] ?? '',
      from: groups['from'] ?? '',
      to: groups['to'] ?? '',
    })),
  }
}

const user = z.object({ user_id: z.string(), email: z.string() })
const article = z.object({ variant_id: z.string(), name: z.string(), option: z.string() })
const order = z.object({ user_id: z.string(), status: z.string(), items: z.array(article), total: z.string() })
const offers = z.array(article.extend({ in_stock: z.boolean() }))

/** A tool's output as JSON of a shape; undefined for a refusal, which is a sentence. */
function read<Shape extends z.ZodType>(shape: Shape, output: string): z.output<Shape> | undefined {
  try {
    return shape.parse(JSON.parse(output))
  } catch {
    return undefined
  }
}

/** The sender of a letter; undefined if no customer matches. */
export async function findSender(context: AgentContext, { email, name, zip }: Letter) {
  return read(user, await context.call('find_user', email === undefined ? { name, zip } : { email }))
}

/** The order that a letter is about. */
export async function readOrder(context: AgentContext, letter: Letter) {
  return read(order, await context.call('get_order', { order_id: letter.order }))
}

/** Which variants to exchange for which; undefined as soon as one cannot be had. */
export async function planExchange(
  context: AgentContext,
  letter: Letter,
  articles: readonly z.infer<typeof article>[],
) {
  const plan: { from: string; to: string }[] = []
  for (const { product, from, to } of letter.exchanges) {
    const old = articles.find((one) => one.name === product && one.option === from)
    const offered = read(offers, await context.call('get_product', { product })) ?? []
    const wanted = offered.find(({ option }) => option === to)
    if (old === undefined || wanted === undefined || !wanted.in_stock) return undefined
    plan.push({ from: old.variant_id, to: wanted.variant_id })
  }
  return plan
}
