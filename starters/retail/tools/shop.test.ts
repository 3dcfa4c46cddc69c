import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { post, testApp, toolCall } from '../../../test/support/app.ts'
import { useDatabase } from '../../../test/support/database.ts'
import { startShop } from '../demo/start-shop.ts'
import { orders, users } from '../schema/shop.ts'
import { startingUsers } from '../schema/world.ts'

const database = useDatabase()
let shop: Awaited<ReturnType<typeof startShop>>
let app: ReturnType<typeof testApp>

beforeAll(async () => {
  shop = await startShop(database.url)
  app = testApp(database, shop.deps)
})
afterAll(() => shop.mails.close())

const item = { messages: [], changes: [], read: ['W1001'], mailTo: null, result: 'status W1001, pending' }
const call = async (rollout: string, id: string, tool: string, args: unknown) =>
  (await post(app, '/tools', toolCall(tool, rollout, id, args, item))).body.output

describe('the shop', () => {
  it('is opened once for a rollout whose first calls come at once, and is another one for another rollout', async () => {
    const first = await Promise.all(
      ['a', 'b', 'c', 'd'].map((id) => call('first', id, 'get_order', { order_id: 'W1001' })),
    )
    expect(new Set(first).size).toBe(1)
    expect(await call('second', 'a', 'cancel_order', { order_id: 'W1001', reason: 'no longer needed' })).toContain(
      '34.50',
    )
    expect(await call('first', 'e', 'get_order', { order_id: 'w1001' })).toContain('"status":"pending"')
    expect(await database.db.$count(users)).toBe(2 * startingUsers.length)
  })

  it('cancels an order once, however often the call is sent', async () => {
    const send = () => call('again', 'one', 'cancel_order', { order_id: 'W1004', reason: 'ordered by mistake' })
    const answers = await Promise.all([send(), send(), send()])
    expect(new Set(answers)).toEqual(new Set(['Order W1004 is cancelled; 145.50 is refunded.']))
    expect(await call('again', 'two', 'cancel_order', { order_id: 'W1004', reason: 'ordered by mistake' })).toContain(
      'only a pending order can be cancelled',
    )
  })

  it('exchanges a delivered order once, for variants of the same product that are in stock', async () => {
    const exchange = (id: string, order_id: string, from: string, to: string) =>
      call('exchange', id, 'exchange_items', { order_id, exchanges: [{ from, to }] })
    expect(await exchange('1', 'W1003', 'P5-grey', 'P5-blue')).toContain('only a delivered order')
    expect(await exchange('2', 'W1005', 'P5-grey', 'P1-black')).toContain('not another variant')
    expect(await exchange('3', 'W1008', 'P1-brass', 'P1-white')).toContain('out of stock')
    expect(await exchange('4', 'W1005', 'P5-blue', 'P5-grey')).toContain('has no "P5-blue"')
    expect(await exchange('5', 'W1005', 'P5-grey', 'P5-leather')).toContain('60.00 is to pay')
    expect(await exchange('6', 'W1005', 'P5-leather', 'P5-grey')).toContain('exchange requested')
    const changed = await database.db.select().from(orders).where(eq(orders.status, 'exchange requested'))
    expect(changed.map(({ id }) => id)).toEqual(['W1005'])
  })

  it('finds a customer by email, or by name and zip code, and no other way', async () => {
    const find = (id: string, args: unknown) => call('find', id, 'find_user', args)
    expect(await find('1', { email: 'PIET@example.net' })).toContain('"user_id":"piet_visser"')
    expect(await find('2', { name: 'mei tanaka', zip: '60311' })).toContain('"W1013","W1014","W1015"')
    expect(await find('3', { name: 'Mei Tanaka', zip: '99999' })).toContain('no customer matches')
    expect(await find('4', { name: 'Mei Tanaka' })).toContain('give the email')
  })

  it('sends a mail once, however often the call is sent', async () => {
    const mail = { to: 'anna.berg@example.com', subject: 'Order W1001', text: 'Done.' }
    const send = () => call('mail', 'one', 'send_mail', mail)
    await Promise.all([send(), send(), send()])
    expect(shop.mails.delivered.filter(({ key }) => key.startsWith('mail/'))).toEqual([{ key: 'mail/one', ...mail }])
  })
})
