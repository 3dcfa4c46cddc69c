import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { compiled } from '../../support/scorekeeper.ts'
import { makeFolder, removeFolder } from '../../support/temporary.ts'

let home: TestDatabase
let sql: postgres.Sql
let folder: string
const plainUser = `sk_test_plain_${randomBytes(4).toString('hex')}`
let plainUrl: string

beforeAll(async () => {
  home = await createTestDatabase()
  sql = postgres(home.url, { max: 1, onnotice() {} })
  folder = makeFolder()
  await sql.unsafe(`create role ${plainUser} login password 'a-password'`)
  await sql.unsafe(`grant all on all tables in schema public to ${plainUser}`)
  const url = new URL(home.url)
  url.username = plainUser
  url.password = 'a-password'
  plainUrl = url.href
})

afterAll(async () => {
  await sql.unsafe(`drop owned by ${plainUser}`)
  await sql.unsafe(`drop role ${plainUser}`)
  await sql.end()
  await removeFolder(folder)
  await home.drop()
})

const ask = (query: string, url: string = home.url, ...options: string[]) =>
  promisify(execFile)(process.execPath, [compiled('src/cli/sql.js'), query, ...options], {
    env: { PATH: process.env['PATH'], DATABASE_URL: url, NODE_ENV: 'production' },
  })

const rolesLeft = () => sql`select rolname from pg_roles where starts_with(rolname, 'scorekeeper_reader_')`

describe('npm run sql', () => {
  it('prints the rows that a query reads, one on each line', async () => {
    const { stdout } = await ask(`select n, '{"answer": 1}'::jsonb as parts from generate_series(1, 2) as n`)
    expect(stdout).toBe('{"n":1,"parts":{"answer":1}}\n{"n":2,"parts":{"answer":1}}\n')
  })

  it('prints one list with --json, also of no rows', async () => {
    expect((await ask('select 1 as n union select 2 order by 1', home.url, '--json')).stdout).toBe(
      '[{"n":1},{"n":2}]\n',
    )
    expect((await ask('select * from grades', home.url, '--json')).stdout).toBe('[]\n')
    expect((await ask('select * from grades')).stdout).toBe('')
  })

  it('shows all columns of one name', async () => {
    const { stdout } = await ask('select 1 as id, 2 as id_2, 3 as id, 4 as id')
    expect(stdout).toBe('{"id":1,"id_2":2,"id_3":3,"id_4":4}\n')
  })

  it('keeps the digits of numbers in JSON, text as it is, and what JSON has no number for', async () => {
    const { stdout } = await ask(
      String.raw`select '{"id": 12345678901234567891, "a b": "x \" y  z"}'::jsonb as item, 'NaN'::float8 as f, null as n`,
    )
    expect(stdout).toBe(`${String.raw`{"item":{"id":12345678901234567891,"a b":"x \" y  z"},"f":"NaN","n":null}`}\n`)
  })

  it('does not write', async () => {
    await expect(ask(`delete from grades`)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^sql: .*read-only transaction\n$/),
    })
  })

  const users = [
    ['a superuser', () => home.url],
    ['an ordinary user', () => plainUrl],
  ] as const
  const marker = () => join(folder, 'written')
  it.concurrent.each(
    users.flatMap(([user, url]) =>
      [
        'commit; create table escaped (a int)',
        'rollback; create table escaped (a int)',
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
    await expect(ask(statement.replace('$MARKER', marker()), url())).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^sql: .+\n$/),
    })
    expect(existsSync(marker())).toBe(false)
    expect(await sql`select to_regclass('escaped') as escaped, (select count(*)::int from items) as items`).toEqual([
      { escaped: null, items: 0 },
    ])
  })

  it('cannot become the superuser again, nor read the server’s files', async () => {
    const { stdout } = await ask(
      'select current_user = session_user as same, rolsuper from pg_roles where rolname = session_user',
    )
    expect(stdout).toBe('{"same":true,"rolsuper":false}\n')
    await expect(ask(`select pg_read_file('postgresql.conf')`)).rejects.toThrow('permission denied')
  })

  it('leaves no role behind, also when several run at once, and removes those of killed processes', async () => {
    await sql`create role scorekeeper_reader_killed login valid until '2020-01-01'`
    await Promise.all([ask('select 1'), ask('select nonsense').catch(() => {}), ask('select count(*) from rollouts')])
    await expect.poll(rolesLeft).toEqual([])
  })

  it('leaves a database as it is that was never migrated', async () => {
    const empty = await createTestDatabase({ migrated: false })
    await expect(ask('select * from grades', empty.url)).rejects.toThrow('relation "grades" does not exist')
    expect(
      (await ask("select count(*)::int as tables from pg_tables where schemaname = 'public'", empty.url)).stdout,
    ).toBe('{"tables":0}\n')
    await empty.drop()
  })
})
