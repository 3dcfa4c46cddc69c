import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { useFolder } from '../../support/temporary.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = useFolder()

/** A copy of what `drizzle-kit` reads. */
beforeAll(() => {
  for (const name of ['package.json', 'tsconfig.json', 'drizzle.config.ts', 'schema', 'src', 'scripts']) {
    cpSync(join(root, name), join(folder, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
})

/** Runs an npm script without a terminal: a prompt of `drizzle-kit` would fail it. */
async function generate(script: string): Promise<string> {
  const { stdout } = await promisify(execFile)('npm', ['run', script, '--', '--name', 'generated'], { cwd: folder })
  return stdout
}

const sqlFiles = (path: string): string[] => readdirSync(join(folder, path)).filter((name) => name.endsWith('.sql'))

describe('npm run migrations', { timeout: 60_000 }, () => {
  it('finds no difference between the tables and the migrations of either chain', async () => {
    for (const script of ['migrations', 'migrations:ledger']) {
      expect(await generate(script)).toContain('No schema changes')
    }
  })

  it('writes the tables of the environment alone, also after those of another one were deleted', async () => {
    const ledger = sqlFiles('src/ledger/migrations')
    rmSync(join(folder, 'schema'), { recursive: true })
    mkdirSync(join(folder, 'schema'))
    writeFileSync(
      join(folder, 'schema', 'bookings.ts'),
      `import { pgTable, text } from 'drizzle-orm/pg-core'
export const bookings = pgTable('bookings', { room: text('room').primaryKey() })\n`,
    )
    await generate('migrations')
    expect(sqlFiles('schema/migrations')).toEqual(['0000_generated.sql'])
    const text = readFileSync(join(folder, 'schema/migrations/0000_generated.sql'), 'utf8')
    expect(text.match(/(CREATE|DROP|ALTER) TABLE \S+/g)).toEqual(['CREATE TABLE "bookings"'])
    expect(await generate('migrations:ledger')).toContain('No schema changes')
    expect(sqlFiles('src/ledger/migrations')).toEqual(ledger)
  })

  it('writes the key, the policy and the default of a table of rollouts', async () => {
    rmSync(join(folder, 'schema'), { recursive: true })
    mkdirSync(join(folder, 'schema'))
    writeFileSync(
      join(folder, 'schema', 'seats.ts'),
      `import { integer, text } from 'drizzle-orm/pg-core'
import { rolloutTable } from '../src/kit/rollout-table.ts'
export const seats = rolloutTable(
  'seats',
  { row: integer('row').notNull(), name: text('seat_name').notNull() },
  { key: ['row', 'name'], keep: 'retention' },
)\n`,
    )
    await generate('migrations')
    const text = readFileSync(join(folder, 'schema/migrations/0000_generated.sql'), 'utf8')
    expect(text).toContain('"rollout" bigint DEFAULT scorekeeper_rollout() NOT NULL')
    expect(text).toContain('PRIMARY KEY("rollout","row","seat_name")')
    expect(text).toContain('ALTER TABLE "seats" ENABLE ROW LEVEL SECURITY')
    expect(text).toMatch(
      /CREATE POLICY "scorekeeper_rollout_kept" ON "seats" .* USING \(rollout = scorekeeper_rollout\(\)\)/,
    )
    expect(await generate('migrations')).toContain('No schema changes')
  })

  it('writes nothing and does not fail where the environment has no tables', async () => {
    rmSync(join(folder, 'schema'), { recursive: true })
    mkdirSync(join(folder, 'schema'))
    writeFileSync(
      join(folder, 'schema', 'environment.ts'),
      `import { z } from 'zod'
import { defineEnvironment } from '../src/kit/define.ts'
export const environment = defineEnvironment({ task: z.object({}), reference: z.object({}), state: z.object({}) })\n`,
    )
    expect(await generate('migrations')).toContain('No schema changes')
    expect(sqlFiles('schema/migrations')).toEqual([])
  })

  it('is not needed by a build: an environment without tables has no folder of migrations', async () => {
    rmSync(join(folder, 'schema'), { recursive: true })
    mkdirSync(join(folder, 'graders'))
    for (const path of ['schema/migrations/0000_removed.sql', 'graders/removed.json']) {
      mkdirSync(join(folder, 'dist', path, '..'), { recursive: true })
      writeFileSync(join(folder, 'dist', path), '')
    }
    await promisify(execFile)(process.execPath, ['scripts/copy-data.js'], { cwd: folder })
    const built = readdirSync(join(folder, 'dist'), { recursive: true, encoding: 'utf8' })
    expect(built).toContain('src/ledger/migrations/0000_ledger.sql')
    expect(built.filter((name) => /removed/.test(name))).toEqual([])
  })
})
