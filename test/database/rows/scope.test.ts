import { eq, sql as text } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Db } from '../../../src/kit/environment.ts'
import { ToolError } from '../../../src/kit/errors.ts'
import { openDatabase } from '../../../src/postgres/database.ts'
import { findRolloutTables, prepareRolloutTables } from '../../../src/postgres/roles.ts'
import { createRowScope } from '../../../src/postgres/scoped-db.ts'
import { defineTool, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { orders, products, shopTables } from '../../support/shop.ts'

const database = useDatabase()
const { sql } = database
const tables = [{ name: 'public.orders', keep: 'end' as const }]

beforeAll(async () => {
  await sql.unsafe(shopTables)
  await prepareRolloutTables(database.url)
})

const scope = () => {
  const made = createRowScope(database.db, tables)
  if (made === undefined) throw new Error('there are rollout tables')
  return made
}

/** What the database says of a statement: the error's cause in the words of Postgres. */
const refusalOf = (work: PromiseLike<unknown>) =>
  Promise.resolve(work).then(
    () => 'done',
    (error: unknown) => (error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)),
  )

describe('the db of a rollout', () => {
  it('reads, writes and deletes the rows of its rollout alone, with any kind of statement', async () => {
    const [one, two] = [scope().of(1), scope().of(2)]
    await one.insert(orders).values([
      { id: 'a', status: 'pending' },
      { id: 'b', status: 'pending' },
    ])
    await two.insert(orders).values({ id: 'a', status: 'shipped' })
    expect(await two.select().from(orders)).toEqual([{ rollout: 2, id: 'a', status: 'shipped', cents: 0 }])
    await two.update(orders).set({ status: 'lost' })
    expect(await one.execute(text`select status from orders order by id`)).toMatchObject([
      { status: 'pending' },
      { status: 'pending' },
    ])
    const prepared = one
      .select({ id: orders.id })
      .from(orders)
      .where(eq(orders.id, text.placeholder('id')))
      .prepare('by_id')
    expect(await prepared.execute({ id: 'b' })).toEqual([{ id: 'b' }])
    await one.transaction(
      async (tx) => {
        await tx.delete(orders).where(eq(orders.id, 'b'))
        await tx.transaction((nested) => nested.insert(orders).values({ id: 'c', status: 'pending' }))
      },
      { isolationLevel: 'repeatable read' },
    )
    expect((await one.select().from(orders)).map(({ id }) => id).sort()).toEqual(['a', 'c'])
    await two.delete(orders)
    expect(await one.$count(orders)).toBe(2)
  })

  it('inserts or updates by the key of its rollout', async () => {
    for (const [number, cents] of [
      [3, 10],
      [4, 20],
      [3, 30],
    ] as const) {
      const values = { id: 'a', status: 'pending', cents }
      await scope()
        .of(number)
        .insert(orders)
        .values(values)
        .onConflictDoUpdate({ target: [orders.rollout, orders.id], set: { cents } })
    }
    expect(await scope().of(3).select({ cents: orders.cents }).from(orders)).toEqual([{ cents: 30 }])
    expect(await scope().of(4).select({ cents: orders.cents }).from(orders)).toEqual([{ cents: 20 }])
  })

  it('may read the tables that rollouts share, and write none of them', async () => {
    expect(await scope().of(1).$count(products)).toBe(2)
    expect(await refusalOf(scope().of(1).update(products).set({ cents: 0 }))).toBe(
      'permission denied for table products',
    )
  })

  it.each<[string, string]>([
    ['truncate orders', 'permission denied for table orders'],
    [
      `insert into orders (rollout, id, status) values (2, 'x', 'x')`,
      'new row violates row-level security policy for table "orders"',
    ],
    [`update orders set rollout = 2`, 'new row violates row-level security policy for table "orders"'],
    ['alter table orders disable row level security', 'must be owner of table orders'],
    ...['runs', 'items', 'rollouts', 'tool_calls', 'grades', 'replays'].map((name): [string, string] => [
      `select * from ${name}`,
      `permission denied for table ${name}`,
    ]),
    ['select * from ledger.calls', 'permission denied for schema ledger'],
    [`select nextval('rollout_numbers')`, 'permission denied for sequence rollout_numbers'],
  ])('refuses %s', async (statement, message) => {
    await scope().of(1).insert(orders).values({ id: 'own', status: 'x' }).onConflictDoNothing()
    expect(await refusalOf(scope().of(1).execute(text.raw(statement)))).toBe(message)
  })

  it('leaves neither the role nor the number on its connection, also after an error', async () => {
    const client = openDatabase({ url: database.url, poolSize: 1 })
    const own = createRowScope(client.db, tables)
    await refusalOf(own?.of(1).execute(text`select 1 / 0`) ?? Promise.resolve())
    await own
      ?.of(1)
      .transaction(() => Promise.reject(new Error('the tool failed')))
      .catch(() => undefined)
    await own?.of(1).$count(orders)
    const [after] = await client.db.execute(
      text`select current_user = session_user as same, current_setting('scorekeeper.rollout', true) as number`,
    )
    expect(after).toEqual({ same: true, number: '' })
    await client.close()
  })

  it('works behind a pooler, without prepared statements', async () => {
    const client = openDatabase({ url: database.url, poolSize: 2, prepare: false })
    const own = createRowScope(client.db, tables)?.of(77)
    const ids = Array.from({ length: 20 }, (_, at) => `p${at}`)
    await Promise.all(ids.map((id) => own?.insert(orders).values({ id, status: 'x' })))
    const found = await Promise.all(ids.map((id) => own?.select().from(orders).where(eq(orders.id, id))))
    expect(found.flat().map((row) => [row?.rollout, row?.id])).toEqual(ids.map((id) => [77, id]))
    await client.close()
  })

  it('finds the rows by the key of the table', async () => {
    const plan = await scope().of(1).execute(text`explain select * from orders where id = 'a'`)
    const busy = await scope()
      .of(1)
      .transaction(async (tx) => {
        await tx.execute(text`set local enable_seqscan = off`)
        return await tx.execute(text`explain select * from orders`)
      })
    expect(JSON.stringify([plan, busy])).toMatch(/Index Cond: \(rollout = scorekeeper_rollout\(\)\)/)
  })
})

it('outside of a rollout, a statement that names a rollout table fails', async () => {
  const { outside } = scope()
  const refusal = 'the rollout table "orders" cannot be used by a tool with rows: false'
  expect(await refusalOf(outside.select().from(orders))).toBe(refusal)
  expect(await refusalOf(outside.execute(text`select count(*) from public."orders"`))).toBe(refusal)
  expect(await refusalOf(outside.transaction((tx) => tx.delete(orders)))).toBe(refusal)
  expect(await outside.$count(products)).toBe(2)
})

it('the policy applies to the owner of the tables too, unless it is a superuser', async () => {
  const owner = `owner_${process.pid}`
  await sql.unsafe(
    `create role ${owner}; alter table orders owner to ${owner}; grant usage on schema public to ${owner}`,
  )
  const asOwner = (scoped: string) =>
    sql.begin(async (tx) => {
      await tx.unsafe(`set local role ${owner}; ${scoped}`)
      return (await tx.unsafe('select * from orders')).length
    })
  await expect(asOwner('')).rejects.toThrow('runs outside of any rollout')
  expect(await asOwner(`set local scorekeeper.rollout = '999'`)).toBe(0)
  await sql.unsafe(`alter table orders owner to current_user; drop owned by ${owner}; drop role ${owner}`)
})

describe('a tool with database effects', () => {
  const run = (name: string, work: (tx: Db | Parameters<Parameters<Db['transaction']>[0]>[0]) => Promise<unknown>) =>
    defineTool({
      name,
      description: name,
      input: z.object({}),
      effects: 'database',
      run: async ({ tx }) => JSON.stringify(await work(tx)),
    })
  const tools = [
    run('who', async (tx) => await tx.execute(text`select current_user::text as me`)),
    run('break', async (tx) => await tx.execute(text`select * from tool_calls`)),
    run('refuse', async (tx) => {
      await tx.insert(orders).values({ id: 'refused', status: 'x' })
      throw new ToolError('not today')
    }),
    run('add', async (tx) => await tx.insert(orders).values({ id: 'added', status: 'x' }).returning({ id: orders.id })),
  ]
  const app = testApp(database, { tools, rolloutTables: tables })

  it('runs as the role of the rows, and its call is recorded as the server', async () => {
    const { body } = await post(app, '/tools', toolCall('who', 'scoped', 'c1'))
    expect(body.output).toBe('[{"me":"scorekeeper_rows"}]')
    expect((await post(app, '/tools', toolCall('add', 'scoped', 'c2'))).body.output).toBe('[{"id":"added"}]')
  })

  it('is rolled back when it fails or refuses, and the next call finds everything right', async () => {
    expect((await post(app, '/tools', toolCall('break', 'broken', 'c1'))).status).toBe(500)
    expect((await post(app, '/tools', toolCall('refuse', 'broken', 'c2'))).body.output).toBe('not today')
    expect((await post(app, '/tools', toolCall('who', 'broken', 'c3'))).body.output).toBe('[{"me":"scorekeeper_rows"}]')
    const [left] = await sql<{ n: number }[]>`select count(*)::int as n from orders where id = 'refused'`
    expect(left?.n).toBe(0)
  })
})

describe('the start', () => {
  it('finds the rollout tables, those that refer to others first', async () => {
    await sql.unsafe(`
      create table lines (rollout bigint not null default scorekeeper_rollout(), id text, "order" text not null,
        primary key (rollout, id), foreign key (rollout, "order") references orders (rollout, id));
      create policy scorekeeper_rollout_kept on lines using (rollout = scorekeeper_rollout());`)
    expect(await findRolloutTables(sql)).toEqual([
      { name: 'public.lines', keep: 'retention' },
      { name: 'public.orders', keep: 'end' },
    ])
    await Promise.all([1, 2, 3].map(() => prepareRolloutTables(database.url)))
    const [lines] =
      await sql`select relforcerowsecurity and relrowsecurity as forced from pg_class where relname = 'lines'`
    expect(lines?.['forced']).toBe(true)
    await sql`drop table lines`
  })
})

describe('a database user who may not grant roles', () => {
  const user = `plain_${process.pid}`
  afterAll(() => sql.unsafe(`drop owned by ${user}; drop role ${user}`))

  it('is told the SQL for an administrator', async () => {
    await sql.unsafe(`create role ${user} login password 'x'`)
    const url = new URL(database.url)
    url.username = user
    url.password = 'x'
    await expect(prepareRolloutTables(url.href)).rejects.toThrow(`grant scorekeeper_rows to ${user}`)
  })
})
