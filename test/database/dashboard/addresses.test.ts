import { beforeAll, expect, it } from 'vitest'
import { useDatabase } from '../../support/database.ts'
import { testDashboard } from '../../support/rollups/dashboard.ts'
import { foldAll, recordHistory } from '../../support/rollups/history.ts'

const { sql } = useDatabase()
const app = testDashboard(sql)
let number = 0

beforeAll(async () => {
  await recordHistory(sql, [
    { run: 'exp-7', at: Date.now() - 600_000, item: 'a', calls: [{}], gradings: [{ score: 1 }] },
  ])
  await foldAll(sql)
  const rows = await sql<{ number: number }[]>`select number::float8 as number from rollouts`
  number = rows[0]?.number ?? 0
})

const run = '/dashboard/runs/exp-7'
const fields = ['before', 'from', 'to', 'min', 'max', 'seconds', 'text', 'tool', 'code', 'item', 'part', 'sort']

const statusesOf = async (paths: readonly string[]) =>
  await Promise.all(paths.map(async (path) => [path, (await app.request(path)).status]))

it.each([
  ['a number that JSON cannot carry exactly', '9007199254740993'],
  ['a number that Postgres has no integer for', '99999999999'],
  ['a number that no timestamp has', '1e300'],
  ['a negative number', '-1'],
  ['a fraction', '1.5'],
  ['a character that Postgres cannot store', '%00'],
  ['a long text', 'x'.repeat(300)],
])('%s in an address is ignored, or names nothing', async (_, odd) => {
  const shown = [
    `/dashboard?before=${odd}`,
    `${run}?by=${odd}&with=${odd}`,
    `${run}/items?after=${odd}`,
    ...fields.map((name) => `${run}/rollouts?${name}=${odd}`),
    `${run}/rollouts?part=answer%3C${odd}`,
  ]
  expect(await statusesOf(shown)).toEqual(shown.map((path) => [path, 200]))
  const missing = [
    `${run}/rollout?id=${odd}`,
    `${run}/rollouts/${odd}`,
    `${run}/rollouts/${odd}.json`,
    `${run}/rollouts/${number}?with=${odd}`,
    `${run}/rollouts/${number}/calls/${odd}/output`,
    `${run}/rollouts/${number}/gradings/${odd}/answer`,
  ]
  expect(await statusesOf(missing)).toEqual(missing.map((path) => [path, 404]))
})
