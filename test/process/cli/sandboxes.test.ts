import { afterEach, beforeEach, expect, it } from 'vitest'
import { createE2bProvider } from '../../../src/runtime/sandbox/e2b/e2b-provider.ts'
import type { SandboxProvider } from '../../../src/runtime/sandbox/provider.ts'
import { useDatabase } from '../../support/database.ts'
import { type E2bService, type Fault, openE2bService } from '../../support/sandbox/e2b/service.ts'
import { run, sandboxReplica } from '../../support/sandbox/shell.ts'
import { scorekeeper } from '../../support/scorekeeper.ts'

const database = useDatabase()
const never = new AbortController().signal
const done = { exitCode: 0, signal: null, stdout: '', stderr: '', timedOut: false, truncated: false }
let closing: Fault | undefined
let service: E2bService
let provider: SandboxProvider

beforeEach(async () => {
  closing = undefined
  const fault = ({ method }: { readonly method: string }) => (method === 'DELETE' ? closing : undefined)
  service = await openE2bService({ templates: { 'template-': '/nowhere' }, fault })
  provider = { ...createE2bProvider(service.settings), exec: async () => done }
})
afterEach(async () => {
  await service.close()
  await database.sql`truncate sandboxes, rollouts, tool_calls`
})

const sandboxes = (...args: readonly string[]) => {
  const { apiKey, apiUrl = '', sandboxUrl = '' } = service.settings
  const e2b = { SANDBOX_PROVIDER: 'e2b', E2B_API_KEY: apiKey, E2B_API_URL: apiUrl, E2B_SANDBOX_URL: sandboxUrl }
  const env = { DATABASE_URL: database.url, SANDBOX_INSTALLATION: 'test', ...e2b }
  return scorekeeper(['sandboxes', ...args], env)
}
/** Makes a sandbox of a rollout that the database does not know. */
const orphan = (rollout: string, installation = 'test') =>
  provider.create(
    { template: 'template-', network: false, memoryMb: 1, pids: 1, diskMb: 1, ttlSeconds: 600 },
    { installation, rollout, name: 'shell', generation: '1' },
    never,
  )

it('sandboxes that may exist are listed', async () => {
  await run(sandboxReplica(database, { provider }), 'open', 'a', 'x')
  const [handle] = service.boxes.keys()
  const { code, out } = await sandboxes('--json')
  expect([code, JSON.parse(out)]).toEqual([
    0,
    [expect.objectContaining({ rolloutId: 'open', name: 'shell', status: 'open', provider: 'e2b', handle })],
  ])
})

it('--reap closes those that belong to no open rollout, and nothing else', async () => {
  await run(sandboxReplica(database, { provider }), 'open', 'a', 'x')
  const [kept] = service.boxes.keys()
  await orphan('900001')
  const other = await orphan('900002', 'other')
  expect(await sandboxes('--reap')).toEqual({
    code: 0,
    err: 'a sandbox that belongs to no open rollout was closed\n',
    out: '2 at the provider, 1 without a rollout, 0 lost, 0 could not be closed\n',
  })
  expect(new Set(service.boxes.keys())).toEqual(new Set([kept, other.handle]))
})

it('--reap exits with 1 while one of them cannot be closed', async () => {
  await orphan('900001')
  closing = { status: 500 }
  const { code, out } = await sandboxes('--reap', '--json')
  expect([code, JSON.parse(out)]).toEqual([1, { listed: 1, orphans: 1, stuck: 1, lost: 0 }])
  expect(service.boxes.size).toBe(1)
})

it('--reap says what the provider lacks, and shows no key', async () => {
  await service.close()
  const { code, err } = await sandboxes('--reap')
  expect(code).not.toBe(0)
  expect(err).toContain('the sandbox provider "e2b" cannot be used here: the connection to E2B')
  expect(err).not.toContain(service.settings.apiKey)
})
