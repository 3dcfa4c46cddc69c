import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isMigrated, migrate } from '../../../src/postgres/migrate.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { makeFolder, removeFolder } from '../../support/temporary.ts'

let database: TestDatabase
let sql: postgres.Sql
let folder: string

beforeAll(async () => {
  database = await createTestDatabase({ migrated: false })
  sql = postgres(database.url, { max: 2, onnotice() {} })
  folder = makeFolder()
})

afterAll(async () => {
  await sql.end()
  await database.drop()
  await removeFolder(folder)
})

describe('migrations', () => {
  it('are missing on a new database and there after ten replicas started at once', async () => {
    expect(await isMigrated(sql)).toBe(false)
    await Promise.all(Array.from({ length: 10 }, () => migrate(database.url)))
    expect(await isMigrated(sql)).toBe(true)
    const repeated =
      await sql`select created_at from drizzle.__drizzle_migrations group by created_at having count(*) > 1`
    expect(repeated).toHaveLength(0)
    expect(await sql`select * from rollouts`).toHaveLength(0)
  })

  it('change nothing when they are applied again', async () => {
    const before = await sql`select * from drizzle.__drizzle_migrations`
    await migrate(database.url)
    expect(await sql`select * from drizzle.__drizzle_migrations`).toEqual(before)
  })

  it('are missing again when the code brings a new one', async () => {
    const newer = writeMigrations('newer', ['create table newer (a int)'])
    expect(await isMigrated(sql, newer)).toBe(false)
    await migrate(database.url, newer)
    expect(await isMigrated(sql, newer)).toBe(true)
  })

  it('satisfy an older replica that does not know the newest', async () => {
    await migrate(database.url, writeMigrations('older', ['create table a1 (a int)', 'create table a2 (a int)']))
    expect(await isMigrated(sql, writeMigrations('older', ['create table a1 (a int)']))).toBe(true)
  })

  it('leave nothing behind when one of them fails', async () => {
    const broken = writeMigrations('broken', ['create table half (a int)', 'create table half (a int)'])
    await expect(migrate(database.url, broken)).rejects.toThrow('already exists')
    expect(await sql`select to_regclass('half') as half`).toEqual([{ half: null }])
    expect(await isMigrated(sql, broken)).toBe(false)
  })
})

/** Writes a folder as drizzle-kit does; equal names give equal times, which is what migrations are known by. */
function writeMigrations(name: string, statements: readonly string[]): string {
  const home = join(folder, `${name}-${statements.length}`)
  mkdirSync(join(home, 'meta'), { recursive: true })
  const when = name.length * 1_000 + name.charCodeAt(0)
  const entries = statements.map((_, idx) => ({ idx, when: when + idx, tag: `${name}_${idx}`, breakpoints: true }))
  for (const { tag, idx } of entries) writeFileSync(join(home, `${tag}.sql`), statements[idx] ?? '')
  writeFileSync(join(home, 'meta', '_journal.json'), JSON.stringify({ version: '7', dialect: 'postgresql', entries }))
  return home
}
