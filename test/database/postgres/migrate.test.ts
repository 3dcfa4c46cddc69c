import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isMigrated, type MigrationFolders, migrate, migrationFolders } from '../../../src/postgres/migrate.ts'
import { openServerDatabase } from '../../../src/postgres/open-database.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { useFolder } from '../../support/temporary.ts'

let database: TestDatabase
let sql: postgres.Sql
const folder = useFolder()

beforeEach(async () => {
  database = await createTestDatabase({ migrated: false })
  sql = postgres(database.url, { max: 2, onnotice() {} })
})

afterEach(async () => {
  await sql.end()
  await database.drop()
})

const timesIn = async (journal: string): Promise<number[]> =>
  (await sql<{ at: string }[]>`select created_at as at from ${sql(journal)} order by id`).map(({ at }) => Number(at))
const ledgerTimes = () => timesIn('drizzle.__scorekeeper_migrations')
const environmentTimes = () => timesIn('drizzle.__drizzle_migrations')
const exists = async (table: string): Promise<boolean> => {
  const [row] = await sql<{ exists: boolean }[]>`select to_regclass(${table}) is not null as exists`
  return row?.exists === true
}

describe('the migrations of the ledger and of the environment', () => {
  it('are missing in a new database, and applied once when ten replicas start together', async () => {
    expect(await isMigrated(sql)).toBe(false)
    await Promise.all(Array.from({ length: 10 }, () => migrate(database.url)))
    expect(await isMigrated(sql)).toBe(true)
    expect(await ledgerTimes()).toEqual(journalOf(migrationFolders.ledger))
    expect(await environmentTimes()).toEqual(journalOf(migrationFolders.environment))
    expect(await sql`select * from rollouts`).toHaveLength(0)
  })

  it('change nothing when they are applied again', async () => {
    await migrate(database.url)
    const before = [await ledgerTimes(), await environmentTimes()]
    await migrate(database.url)
    expect([await ledgerTimes(), await environmentTimes()]).toEqual(before)
  })

  it('are both required before a database counts as migrated', async () => {
    const old = { ledger: chain([[10, 'create table l1 ()']]), environment: chain([[20, 'create table e1 ()']]) }
    await migrate(database.url, old)
    expect(await isMigrated(sql, old)).toBe(true)
    const newLedger = {
      ...old,
      ledger: chain([
        [10, 'create table l1 ()'],
        [30, 'create table l2 ()'],
      ]),
    }
    const newTables = {
      ...old,
      environment: chain([
        [20, 'create table e1 ()'],
        [30, 'create table e2 ()'],
      ]),
    }
    expect([await isMigrated(sql, newLedger), await isMigrated(sql, newTables)]).toEqual([false, false])
    await migrate(database.url, newLedger)
    expect([await isMigrated(sql, newLedger), await isMigrated(sql, newTables)]).toEqual([true, false])
    await migrate(database.url, newTables)
    expect([await isMigrated(sql, newLedger), await isMigrated(sql, newTables)]).toEqual([true, true])
  })

  it('are separate: the ledger’s run first, and neither appears in the journal of the other', async () => {
    const environment = chain([[5, 'create table seeds (run text references runs (name))']])
    await migrate(database.url, { ...migrationFolders, environment })
    expect(await ledgerTimes()).toEqual(journalOf(migrationFolders.ledger))
    expect(await environmentTimes()).toEqual([5])
  })

  it('work if the environment has none: without the folder, and with an empty journal', async () => {
    for (const environment of [join(folder, 'missing'), chain([])]) {
      const folders = { ...migrationFolders, environment }
      await migrate(database.url, folders)
      expect(await isMigrated(sql, folders)).toBe(true)
    }
    expect([await exists('rollouts'), await exists('pages')]).toEqual([true, false])
  })

  it('are all rolled back when one of them fails, in either chain', async () => {
    const good = chain([[1, 'create table good ()']])
    const broken = chain([
      [2, 'create table half ()'],
      [3, 'create table half ()'],
    ])
    for (const folders of [
      { ledger: good, environment: broken },
      { ledger: broken, environment: good },
    ]) {
      await expect(migrate(database.url, folders)).rejects.toThrow('already exists')
      expect([await exists('good'), await exists('half')]).toEqual([false, false])
      expect(await isMigrated(sql, folders)).toBe(false)
    }
  })

  it('satisfy an older replica that does not know the newest, which also restarts', async () => {
    const first = [1, 'create table a1 ()'] as const
    const second = [2, 'create table a2 ()'] as const
    const older = { ledger: chain([first]), environment: chain([[11, 'create table b1 ()']]) }
    await migrate(database.url, {
      ledger: chain([first, second]),
      environment: chain([
        [11, 'create table b1 ()'],
        [12, 'create table b2 ()'],
      ]),
    })
    expect(await isMigrated(sql, older)).toBe(true)
    await migrate(database.url, older)
    expect([await ledgerTimes(), await environmentTimes()]).toEqual([
      [1, 2],
      [11, 12],
    ])
  })
})

describe('a database of the former single chain', () => {
  const tables = ['items', 'rollouts', 'tool_calls', 'grades', 'pages', 'search_terms', 'search_pages']
  const more = ['company_terms', 'page_vectors', 'search_index']
  const contentOf = async (): Promise<unknown[]> =>
    await Promise.all([...tables, ...more].map((table) => sql`select * from ${sql(table)} order by 1, 2`))
  const takenOver = async (): Promise<unknown[]> => [
    await sql`select * from items where run = 'default' order by hash`,
    await sql`select * from rollouts where run = 'default' order by id`,
    await sql`select c.*, c.execution as attempt from ledger.calls c where run = 'default' order by rollout_id, call_id`,
    await sql`select * from ledger.gradings where run = 'default' order by id`,
    ...(await contentOf()).slice(4),
  ]

  let folders: MigrationFolders

  beforeEach(async () => {
    await restore('one-chain.sql', database.url)
    folders = { ...migrationFolders, environment: documents() }
  })

  it('is taken over once by ten replicas that start together, with every row unchanged', async () => {
    const before = await contentOf()
    for (const rows of before) expect(rows).not.toHaveLength(0)
    expect(await isMigrated(sql, folders)).toBe(false)
    await Promise.all(Array.from({ length: 10 }, () => migrate(database.url, folders)))
    expect(await isMigrated(sql, folders)).toBe(true)
    expect(await ledgerTimes()).toEqual(journalOf(migrationFolders.ledger))
    // Later migrations may have added columns.
    expect(await takenOver()).toMatchObject(before)
  })

  it('gives the ledger the same schema as a new database', async () => {
    const fresh = await createTestDatabase({ migrated: false })
    await Promise.all([migrate(database.url, folders), migrate(fresh.url, folders)])
    const other = postgres(fresh.url, { max: 1, onnotice() {} })
    expect(await schemaOf(sql)).toEqual(await schemaOf(other))
    await other.end()
    await fresh.drop()
  })

  it('still satisfies a replica of that version, whose journal keeps its five entries', async () => {
    const before = await environmentTimes()
    expect(before).toHaveLength(5)
    await migrate(database.url, folders)
    expect(await environmentTimes()).toEqual(before)
  })

  it('takes later migrations of both chains', async () => {
    await migrate(database.url, folders)
    const later = {
      ledger: chain([[1_900_000_000_000, 'alter table grades add column later text']], migrationFolders.ledger),
      environment: chain([[1_900_000_000_001, 'alter table pages add column later text']], folders.environment),
    }
    await migrate(database.url, later)
    expect(await isMigrated(sql, later)).toBe(true)
    expect(await sql`select count(later)::int as later, count(*)::int as rows from grades`).toEqual([
      { later: 0, rows: 3 },
    ])
  })

  it('serves a repository that still has the ledger’s migrations in its own folder, like a new database', async () => {
    const environment = chain([[1_900_000_000_000, 'create table bookings ()']], migrationFolders.ledger)
    const own = { ...migrationFolders, environment }
    await sql`delete from drizzle.__drizzle_migrations where created_at in (1795379346236, 1795387651617)`
    const fresh = await createTestDatabase({ migrated: false })
    for (const url of [database.url, fresh.url]) await migrate(url, own)
    expect([await exists('bookings'), await isMigrated(sql, own)]).toEqual([true, true])
    await fresh.drop()
  })
})

describe('a database of another environment', () => {
  const mine: readonly Entry[] = [
    [1_700_000_000_000, 'create table mine_1 ()'],
    [1_700_000_000_002, 'create table mine_2 ()'],
  ]
  const other = (time: number): Entry => [time, `create table other_${time} ()`]
  const folders = (entries: readonly Entry[]): MigrationFolders => ({
    ...migrationFolders,
    environment: chain(entries),
  })

  it.each([
    ['none of the repository’s migrations', [other(1_600_000_000_000)], mine],
    ['none of them, and only later ones', [other(1_800_000_000_000)], mine],
    ['migrations, where the repository has none', [other(1_600_000_000_000)], []],
    ['one in between', [...mine.slice(0, 1), other(1_700_000_000_001)], mine],
    ['only the first of them and a later one', [...mine.slice(0, 1), other(1_800_000_000_000)], mine],
    ['all of them and an earlier one', [other(1_600_000_000_000), ...mine], mine],
  ])('is refused and left as it was: it has %s', async (_, found, wanted) => {
    await migrate(database.url, folders(found))
    const before = await environmentTimes()
    await expect(migrate(database.url, folders(wanted))).rejects.toThrow('belongs to another environment')
    expect(await environmentTimes()).toEqual(before)
    expect(await exists('mine_2')).toBe(found.includes(mine[1] ?? other(0)))
  })

  it('is refused with a message whose instructions work', async () => {
    await migrate(database.url, { ...migrationFolders, environment: documents() })
    const blank = folders([])
    const failure = await migrate(database.url, blank).catch(String)
    expect(failure).toBe(
      'Error: the database belongs to another environment: its journal drizzle.__drizzle_migrations has 2 migrations that ' +
        'schema/migrations does not have, with created_at 1795379346236 (2026-11-22T20:29Z), 1795387651617 ' +
        '(2026-11-22T22:47Z). Use another database: another DATABASE_URL, or another DATA_DIR for the embedded one. To ' +
        'keep the rollouts that are recorded in this one, drop the tables that these migrations made and run: ' +
        'delete from drizzle.__drizzle_migrations where created_at in (1795379346236, 1795387651617)',
    )
    await sql.unsafe(String(failure).split('and run: ')[1] ?? '')
    await migrate(database.url, blank)
    expect(await isMigrated(sql, blank)).toBe(true)
  })

  it('is refused by everything that opens it, in one sentence that names the database', async () => {
    await migrate(database.url)
    await sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('other', 1700000000000)`
    const opened = openServerDatabase({ databaseUrl: database.url, dataDir: '', poolSize: 1, prepare: true })
    const { host } = new URL(database.url)
    await expect(opened).rejects.toThrow(
      `cannot use the Postgres at ${host}, which DATABASE_URL names: the database belongs to another environment: its ` +
        'journal drizzle.__drizzle_migrations has 1 migration that schema/migrations does not have, with created_at ' +
        '1700000000000 (2023-11-14T22:13Z)',
    )
  })

  it('is also refused when it comes from the single chain', async () => {
    await restore('one-chain.sql', database.url)
    await expect(migrate(database.url, folders([]))).rejects.toThrow('has 2 migrations that schema/migrations does not')
    expect(await exists('drizzle.__scorekeeper_migrations')).toBe(false)
  })
})

type Entry = readonly [when: number, statement: string]

/** Writes a migrations folder as drizzle-kit does, on top of the migrations of another folder. */
function chain(entries: readonly Entry[], after?: string): string {
  const home = mkdtempSync(join(folder, 'chain-'))
  mkdirSync(join(home, 'meta'))
  const earlier = after === undefined ? [] : readJournal(after)
  for (const { tag } of earlier) writeFileSync(join(home, `${tag}.sql`), readFileSync(join(after ?? '', `${tag}.sql`)))
  for (const [when, statement] of entries) writeFileSync(join(home, `m${when}.sql`), statement)
  const own = entries.map(([when]) => ({ when, tag: `m${when}`, breakpoints: true }))
  const journal = { version: '7', dialect: 'postgresql', entries: [...earlier, ...own] }
  writeFileSync(join(home, 'meta', '_journal.json'), JSON.stringify(journal))
  return home
}

/** The timestamps of the single chain's two environment migrations; {@link restore} creates their tables. */
function documents(): string {
  const times = [1_795_379_346_236, 1_795_387_651_617]
  return chain(times.map((time) => [time, 'select 1'] as const))
}

function readJournal(home: string): { readonly when: number; readonly tag: string }[] {
  const path = join(home, 'meta', '_journal.json')
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).entries : []
}

const journalOf = (home: string): number[] => readJournal(home).map(({ when }) => when)

async function restore(dump: string, url: string): Promise<void> {
  const text = readFileSync(new URL(`../../support/postgres/${dump}`, import.meta.url), 'utf8')
  // Its own connection, because the dump clears the search path.
  const connection = postgres(url, { max: 1, onnotice() {} })
  await connection.unsafe(text)
  await connection.end()
}

/** The columns, constraints and indexes of the ledger's tables. */
async function schemaOf(client: postgres.Sql): Promise<unknown[]> {
  const tables = ['runs', 'items', 'rollouts', 'tool_calls', 'grades', 'replays']
  return await Promise.all([
    client`
      select table_schema, table_name, column_name, data_type, column_default, is_nullable, is_identity
      from information_schema.columns where table_name in ${client(tables)} order by 1, 2, 3`,
    client`select schemaname, tablename, indexname, indexdef from pg_indexes where tablename in ${client(tables)} order by 1, 2, 3`,
    client`
      select conrelid::regclass::text as table, conname, pg_get_constraintdef(oid) as definition
      from pg_constraint where conrelid::regclass::text in ${client(tables)} order by 1, 2`,
  ])
}
