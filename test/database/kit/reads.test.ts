import { eq, inArray, sql as text } from 'drizzle-orm'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { batched, type Placeholders, perDatabase, prepared } from '../../../src/kit/reads.ts'
import { openDatabase } from '../../../src/postgres/database.ts'
import { prepareRolloutTables } from '../../../src/postgres/roles.ts'
import { createRowScope } from '../../../src/postgres/scoped-db.ts'
import { useDatabase } from '../../support/database.ts'
import { orders, shopTables } from '../../support/shop.ts'

const database = useDatabase({ poolSize: 1 })
const { db } = database

beforeAll(async () => {
  await database.sql.unsafe(shopTables)
  await prepareRolloutTables(database.url)
})
beforeEach(async () => {
  await database.sql`delete from orders`
  await rolloutDb(1).insert(orders).values({ id: 'a', status: 'pending' })
  await rolloutDb(2).insert(orders).values({ id: 'a', status: 'shipped' })
})

function scope() {
  const made = createRowScope(db, [{ name: 'public.orders', keep: 'end' }])
  if (made === undefined) throw new Error('there are rollout tables')
  return made
}
const rolloutDb = (number: number) => scope().of(number)

describe('a prepared query', () => {
  const makeStatusOf = () =>
    prepared((db, { id }: Placeholders<{ id: string }>) =>
      db.select({ status: orders.status }).from(orders).where(eq(orders.id, id)),
    )
  const statementsOf = async (one: typeof db) => {
    const rows = await one.execute<{ statement: string }>(
      text`select statement from pg_prepared_statements where statement like '%"status"%'`,
    )
    return rows.map(({ statement }) => statement)
  }

  it('is parsed once for each connection', async () => {
    const statusOf = makeStatusOf()
    const one = openDatabase({ url: database.url, poolSize: 1 })
    for (const id of ['a', 'b', 'a']) await statusOf(one.db, { id })
    expect(await statementsOf(one.db)).toEqual(['select "status" from "orders" where "orders"."id" = $1'])
    await one.close()
  })

  it('is not kept by Postgres behind a pooler', async () => {
    const statusOf = makeStatusOf()
    const pooled = openDatabase({ url: database.url, poolSize: 1, prepare: false })
    expect(await statusOf(pooled.db, { id: 'a' })).toHaveLength(2)
    expect(await statementsOf(pooled.db)).toEqual([])
    await pooled.close()
  })

  it('reads the rows of the rollout whose db it gets, and is built once for a shared db', async () => {
    let built = 0
    const statusOf = prepared((db, { id }: Placeholders<{ id: string }>) => {
      built += 1
      return db.select({ status: orders.status }).from(orders).where(eq(orders.id, id))
    })
    const [first, second] = [rolloutDb(1), rolloutDb(2)]
    for (let time = 0; time < 2; time += 1) {
      expect(await statusOf(first, { id: 'a' })).toEqual([{ status: 'pending' }])
      expect(await statusOf(second, { id: 'a' })).toEqual([{ status: 'shipped' }])
      expect(await statusOf(db, { id: 'a' })).toHaveLength(2)
    }
    expect(built).toBe(3)
  })

  it('runs in a transaction', async () => {
    const statusOf = makeStatusOf()
    const seen = await rolloutDb(2).transaction(async (tx) => {
      await tx.update(orders).set({ status: 'lost' })
      return await statusOf(tx, { id: 'a' })
    })
    expect(seen).toEqual([{ status: 'lost' }])
  })

  it('takes arrays, and throws what Postgres throws', async () => {
    const some = prepared((db, { ids }: Placeholders<{ ids: readonly string[] }>) =>
      db.select().from(orders).where(text`${orders.id} = any(${ids})`),
    )
    expect(await some(rolloutDb(1), { ids: ['a', 'b,"{}'] })).toHaveLength(1)
    expect(await some(rolloutDb(1), { ids: [] })).toEqual([])
    await expect(some(rolloutDb(1), { ids: ['\0'] })).rejects.toThrow()
    expect(await some(rolloutDb(1), { ids: ['a'] })).toHaveLength(1)
  })
})

describe('a batched read', () => {
  const asked: (readonly string[])[] = []
  const statusOf = batched(async (one: typeof db, ids: readonly string[]) => {
    asked.push(ids)
    if (ids.includes('bad')) throw new Error('cannot read')
    const found = await one
      .select()
      .from(orders)
      .where(inArray(orders.id, [...ids]))
    return new Map(found.map(({ id, status }) => [id, status]))
  })
  beforeEach(() => void asked.splice(0))

  it('reads the keys of one turn together, each once', async () => {
    const one = rolloutDb(1)
    expect(await Promise.all(['a', 'b', 'a'].map((id) => statusOf(one, id)))).toEqual(['pending', undefined, 'pending'])
    expect(asked).toEqual([['a', 'b']])
    await statusOf(one, 'a')
    expect(asked).toHaveLength(2)
  })

  it('never answers a rollout with the rows of another', async () => {
    const [first, second] = [rolloutDb(1), rolloutDb(2)]
    expect(await Promise.all([statusOf(first, 'a'), statusOf(second, 'a')])).toEqual(['pending', 'shipped'])
    expect(asked).toEqual([['a'], ['a']])
  })

  it('throws the error for all reads of the batch, and reads again afterwards', async () => {
    const one = rolloutDb(1)
    const settled = await Promise.allSettled(['a', 'bad'].map((id) => statusOf(one, id)))
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await statusOf(one, 'a')).toBe('pending')
  })

  it('reads at most 500 keys at once', async () => {
    await Promise.all(Array.from({ length: 501 }, (_, at) => statusOf(db, `k${at}`)))
    expect(asked.map((keys) => keys.length)).toEqual([500, 1])
  })
})

describe('what is made once for each database', () => {
  it('is the same for every db of one client, and another for another client', () => {
    const listOf = perDatabase((): string[] => [])
    listOf(db).push('seen')
    expect([listOf(rolloutDb(1)), listOf(rolloutDb(2)), listOf(scope().outside)]).toEqual([
      ['seen'],
      ['seen'],
      ['seen'],
    ])
    expect(listOf(database.another(1).db)).toEqual([])
  })
})
