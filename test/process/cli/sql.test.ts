import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { compiled } from '../../support/scorekeeper.ts'

let home: TestDatabase
beforeAll(async () => {
  home = await createTestDatabase()
})
afterAll(() => home.drop())

const ask = (query: string) =>
  promisify(execFile)(process.execPath, [compiled('src/cli/sql.js'), query], {
    env: { PATH: process.env['PATH'], DATABASE_URL: home.url, NODE_ENV: 'production' },
  })

describe('npm run sql', () => {
  it('prints the rows that a query reads, one a line', async () => {
    const { stdout } = await ask(`select n, '{"answer": 1}'::jsonb as parts from generate_series(1, 2) as n`)
    expect(stdout).toBe('{"n":1,"parts":{"answer":1}}\n{"n":2,"parts":{"answer":1}}\n')
  })

  it('does not write', async () => {
    await expect(ask(`delete from grades`)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^sql: .*read-only transaction\n$/),
    })
  })
})
