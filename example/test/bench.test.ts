import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { useDatabase } from '../../test/support/database.ts'

const database = useDatabase({ migrated: false })
const root = fileURLToPath(new URL('../..', import.meta.url))
const recall = z.object({ 1: z.number(), 10: z.number() })
const report = z.object({ pages: z.number(), sets: z.array(z.object({ questions: z.number(), recall })).length(1) })

it('bench -- search measures generated pages, and touches no table of the configured database', {
  timeout: 120_000,
}, async () => {
  const args = ['--import', 'tsx', 'bench/main.ts', 'search', '--json']
  const env = { ...process.env, DATABASE_URL: database.url }
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, env })
  const { pages, sets } = report.parse(JSON.parse(stdout))
  expect(pages).toBe(2_800)
  expect(sets[0]?.recall[1]).toBeGreaterThan(0.68)
  expect(sets[0]?.recall[10]).toBeGreaterThan(0.9)
  expect(await database.sql`select from pg_tables where schemaname = 'public'`).toHaveLength(0)
})
