import type { Agent, AgentContext } from '../../../src/workbench/simulate/agent.ts'
import { findSender, type Letter, planExchange, readLetter, readOrder } from './clerk.ts'

/** What a clerk leaves out or does wrong. */
export interface Conduct {
  /** Looks up the sender and compares; without it, every order is taken for the sender's. */
  readonly verify: boolean
  readonly mail: 'once' | 'never' | 'twice'
  /** Cancels one more order of the sender than asked for. */
  readonly overdo: boolean
}

/** Answers a letter by the policy, but for what the conduct leaves out. */
export async function serve(context: AgentContext, conduct: Conduct): Promise<string> {
  const letter = readLetter(context.question)
  const sender = conduct.verify ? await findSender(context, letter) : undefined
  const found = await readOrder(context, letter)
  if (found === undefined) return `Result: refused ${letter.order}, not yours`
  if (conduct.verify && found.user_id !== sender?.user_id) return `Result: refused ${letter.order}, not yours`
  if (letter.wish === 'status') return `Result: status ${letter.order}, ${found.status}`
  const done = letter.wish === 'cancel' ? await cancel(context, letter, found) : await exchange(context, letter, found)
  if (done.startsWith('refused')) return `I am sorry, this is not possible.\nResult: ${done}`
  if (conduct.overdo) await context.call('cancel_order', { order_id: nextOrder(letter.order), reason: letter.reason })
  const mails = { once: 1, never: 0, twice: 2 }[conduct.mail]
  for (let sent = 0; sent < mails; sent += 1) {
    const text = `We have taken care of order ${letter.order}.`
    await context.call('send_mail', { to: sender?.email ?? letter.email ?? '', subject: `Order ${letter.order}`, text })
  }
  return `It is done.\nResult: ${done}`
}

type Found = NonNullable<Awaited<ReturnType<typeof readOrder>>>

async function cancel(context: AgentContext, letter: Letter, { status, total }: Found): Promise<string> {
  if (status !== 'pending') return `refused ${letter.order}, ${status}`
  await context.call('cancel_order', { order_id: letter.order, reason: letter.reason })
  return `cancelled ${letter.order}, refund ${total}`
}

async function exchange(context: AgentContext, letter: Letter, { status, items }: Found): Promise<string> {
  if (status !== 'delivered') return `refused ${letter.order}, not delivered`
  const exchanges = await planExchange(context, letter, items)
  if (exchanges === undefined) return `refused ${letter.order}, out of stock`
  const output = await context.call('exchange_items', { order_id: letter.order, exchanges })
  const [, amount = '', way = ''] = /; (\d+\.\d\d) is (to pay|refunded)/.exec(output) ?? []
  const price = amount === '0.00' ? 'nothing to pay' : way === 'refunded' ? `refund ${amount}` : `to pay ${amount}`
  return `exchanged ${letter.order}, ${price}`
}

/** An order that nobody asked about: the next one of the same kind. */
const nextOrder = (order: string) => `W${Number(order.slice(1)) + 3}`

const careful: Agent = {
  name: 'careful',
  play: (context) => serve(context, { verify: true, mail: 'once', overdo: false }),
}
const silent: Agent = {
  name: 'silent',
  play: (context) => serve(context, { verify: true, mail: 'never', overdo: false }),
}
const trusting: Agent = {
  name: 'trusting',
  play: (context) => serve(context, { verify: false, mail: 'once', overdo: false }),
}
const zealous: Agent = {
  name: 'zealous',
  play: (context) => serve(context, { verify: true, mail: 'once', overdo: true }),
}

/** Claims what the letter asks for and does nothing. */
const claiming: Agent = {
  name: 'claiming',
  async play({ question }) {
    const { order, wish } = readLetter(question)
    if (wish === 'status') return `Result: status ${order}, delivered`
    return `It is done.\nResult: ${wish === 'cancel' ? 'cancelled' : 'exchanged'} ${order}, refund 34.50`
  },
}

/** YOURS: scripted agents of different skill, which play rollouts without a model. They never see the reference. */
export const agents: readonly Agent[] = [careful, silent, trusting, zealous, claiming]
