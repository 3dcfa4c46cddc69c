import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { createLocalProvider } from '../../../src/runtime/sandbox/local/local-provider.ts'
import { useDatabase } from '../../support/database.ts'
import { spawnServer } from '../../support/server-process.ts'
import { useFolder } from '../../support/temporary.ts'

const program = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url))
const database = useDatabase()
const folder = useFolder()
const provider = createLocalProvider({ folder: join(folder, 'sandboxes') })
const never = new AbortController().signal
afterAll(() => provider.end())

async function run(...args: readonly string[]) {
  const env = { DATABASE_URL: database.url, DATA_DIR: folder, SANDBOX_INSTALLATION: 'this' }
  const { written, ended } = spawnServer(folder, env, program, ['sandboxes', ...args])
  return { code: await ended, ...written }
}

it('local sandboxes are listed, and --reap closes what belongs to no rollout of this installation', async ({
  skip,
}) => {
  const problem = await provider.problem()
  if (problem !== undefined) skip(problem)
  const template = join(folder, 'template')
  mkdirSync(template)
  writeFileSync(join(template, 'letter'), 'hello\n')
  const spec = { template, network: false, memoryMb: 64, pids: 16, diskMb: 8, ttlSeconds: 600 }
  const make = (installation: string, rollout: string) =>
    provider.create(spec, { installation, rollout, name: 'shell', generation: '1' }, never)
  const [open, orphan, other] = [await make('this', '1'), await make('this', '2'), await make('other', '3')]
  await database.sql`
    insert into sandboxes (run, rollout, name, status, provider, host, handle, opened_at) values
    ('default', 1, 'shell', 'open', 'local', ${provider.host ?? ''}, ${open.handle}, now())`
  await database.sql`insert into rollouts (run, id, number, item_hash) values ('default', 'r-1', 1, 'x')`

  const listed = await run()
  expect(listed.out).toMatch(new RegExp(`default/r-1 +shell +open +local on \\S+ +${open.handle}`))
  expect(await run('--reap')).toMatchObject({ code: 0, out: expect.stringContaining('2 at the provider, 1 without a') })
  const left = await provider.find({ installation: 'this' }, never)
  expect(left.map(({ handle }) => handle)).toEqual([open.handle])
  expect([await provider.alive(orphan.handle, never), await provider.alive(other.handle, never)]).toEqual([false, true])
  expect(readdirSync(join(folder, 'sandboxes', 'boxes'))).toHaveLength(2)
}, 60_000)
