import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, useDatabase } from '../../support/database.ts'
import { compiled } from '../../support/scorekeeper.ts'
import { useFolder } from '../../support/temporary.ts'

const home = useDatabase()
let sql: postgres.Sql
const folder = useFolder()
beforeAll(async () => {
  sql = postgres(home.url, { max: 1, onnotice() {} })
})

afterAll(async () => {
  await sql.end()
})

const ask = (query: string, url: string = home.url, ...options: string[]) =>
  promisify(execFile)(process.execPath, [compiled('src/cli/ledger/sql.js'), query, ...options], {
    env: { PATH: process.env['PATH'], DATABASE_URL: url, NODE_ENV: 'production' },
  })

const rolesLeft = () => sql`select rolname from pg_roles where starts_with(rolname, 'scorekeeper_reader_')`

describe('npm run sql', () => {
  it('prints the rows that a query reads, one on each line', async () => {
    const { stdout } = await ask(`select n, '{"answer": 1}'::jsonb as parts from generate_series(1, 2) as n`)
    expect(stdout).toBe('{"n":1,"parts":{"answer":1}}\n{"n":2,"parts":{"answer":1}}\n')
  })

  it('prints one list with --json, even if there are no rows', async () => {
    expect((await ask('select 1 as n union select 2 order by 1', home.url, '--json')).stdout).toBe(
      '[{"n":1},{"n":2}]\n',
    )
    expect((await ask('select * from gradings', home.url, '--json')).stdout).toBe('[]\n')
    expect((await ask('select * from gradings')).stdout).toBe('')
  })

  it('reads views with the ids of the trainers, of all runs or of one', async () => {
    await sql`insert into rollouts (run, number, id, item_hash) values ('a', 1, 'r', 'h'), ('b', 2, 'r', 'h'), ('b', 3, 's', 'h')`
    await sql`
      insert into tool_calls (run, rollout, call_id, seq, tool, arguments, outcome, output, started_at)
      values ('a', 1, 'c', 1, 'search', '{}', 'ok', 'one', now()), ('b', 2, 'c', 1, 'search', '{}', 'ok', 'two', now())`
    const calls = "select run, output from calls where rollout_id = 'r' order by run"
    expect((await ask(calls)).stdout).toBe('{"run":"a","output":"one"}\n{"run":"b","output":"two"}\n')
    expect((await ask(calls, home.url, '--run', 'b')).stdout).toBe('{"run":"b","output":"two"}\n')
    expect((await ask('select count(*)::int as n from rollouts', home.url, '--run', 'b')).stdout).toBe('{"n":2}\n')
  })

  it('shows all columns of one name', async () => {
    const { stdout } = await ask('select 1 as id, 2 as id_2, 3 as id, 4 as id')
    expect(stdout).toBe('{"id":1,"id_2":2,"id_3":3,"id_4":4}\n')
  })

  it('keeps the digits of numbers in JSON, text unchanged, and numbers that JSON does not have', async () => {
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

  it('accepts one statement, and runs no program', async () => {
    const marker = join(folder, 'written')
    for (const statement of ['commit; create table escaped (a int)', `copy (select 1) to program 'cat > ${marker}'`]) {
      await expect(ask(statement)).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/^sql: .+\n$/) })
    }
    expect(existsSync(marker)).toBe(false)
    expect(await sql`select to_regclass('escaped') as escaped`).toEqual([{ escaped: null }])
  })

  it('leaves no role behind, also when several run at once, and removes those of killed processes', async () => {
    await sql`create role scorekeeper_reader_killed login valid until '2020-01-01'`
    await Promise.all([ask('select 1'), ask('select nonsense').catch(() => {}), ask('select count(*) from rollouts')])
    await expect.poll(rolesLeft).toEqual([])
  })

  it('does not change a database that was never migrated', async () => {
    const empty = await createTestDatabase({ migrated: false })
    await expect(ask('select * from gradings', empty.url)).rejects.toThrow('relation "gradings" does not exist')
    expect(
      (await ask("select count(*)::int as tables from pg_tables where schemaname = 'public'", empty.url)).stdout,
    ).toBe('{"tables":0}\n')
    await empty.drop()
  })
})
