import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readOnce } from '../../../src/postgres/reader.ts'
import { useDatabase } from '../../support/database.ts'
import { useFolder } from '../../support/temporary.ts'

const home = useDatabase()
let sql: postgres.Sql
const folder = useFolder()
let plainUrl: string
const plainUser = `sk_test_plain_${randomBytes(4).toString('hex')}`

beforeAll(async () => {
  sql = postgres(home.url, { max: 1, onnotice() {} })
  await sql.unsafe(`create role ${plainUser} login password 'a-password'`)
  await sql.unsafe(`grant all on all tables in schema public to ${plainUser}`)
  await sql.unsafe(`grant all on schema public to ${plainUser}`)
  const url = new URL(home.url)
  url.username = plainUser
  url.password = 'a-password'
  plainUrl = url.href
})

afterAll(async () => {
  await sql.unsafe(`drop owned by ${plainUser}`)
  await sql.unsafe(`drop role ${plainUser}`)
  await sql.end()
})

describe('a read-only statement', () => {
  const users = [
    ['a superuser', () => home.url],
    ['an ordinary user', () => plainUrl],
  ] as const
  const marker = () => join(folder, 'written')
  it.each(
    users.flatMap(([user, url]) =>
      [
        'commit; create table escaped (a int)',
        'rollback; create table escaped (a int)',
        `commit; insert into items (hash, content) values ('escaped', '1')`,
        'select 1; create table escaped (a int)',
        `copy (select 1) to program 'cat > $MARKER'`,
        `copy (select 1) to '$MARKER'`,
        'copy (select 1) to stdout',
        `do $$ begin reset role; execute 'copy (select 1) to program ''cat > $MARKER'''; end $$`,
        `do $$ begin execute 'reset session authorization'; execute 'copy (select 1) to ''$MARKER'''; end $$`,
        `do $$ begin set transaction read write; create table escaped (a int); end $$`,
        `do $$ begin commit; create table escaped (a int); end $$`,
        `select set_config('transaction_read_only', 'off', false), lo_from_bytea(0, 'x')`,
        `select lo_export(1, '$MARKER')`,
        `with made as (insert into items (hash, content) values ('escaped', '1') returning hash) select * from made`,
        `create temp table escaped (a int)`,
        `select setval('grades_id_seq', 1000)`,
      ].map((statement) => [user, statement, url] as const),
    ),
  )('cannot write as %s: %s', async (_, statement, url) => {
    await expect(readOnce(url(), statement.replace('$MARKER', marker()))).rejects.toThrow()
    expect(existsSync(marker())).toBe(false)
    expect(await sql`select to_regclass('escaped') as escaped, (select count(*)::int from items) as items`).toEqual([
      { escaped: null, items: 0 },
    ])
  })

  it('can neither become the superuser again nor read the server’s files', async () => {
    const query = 'select current_user = session_user, rolsuper from pg_roles where rolname = session_user'
    expect((await readOnce(home.url, query)).rows).toEqual([[true, false]])
    await expect(readOnce(home.url, `select pg_read_file('postgresql.conf')`)).rejects.toThrow('permission denied')
  })

  it('reads every table, as a superuser and as an ordinary user', async () => {
    for (const url of [home.url, plainUrl]) {
      expect(await readOnce(url, 'select 1 as a, 2 as a from grades')).toEqual({
        columns: ['a', 'a'],
        rows: [],
      })
    }
  })
})
