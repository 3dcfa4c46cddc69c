import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { gate, gradingOf, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { type Asked, type E2bService, openE2bService } from '../../support/sandbox/e2b/service.ts'
import { addressOf, kill, type ServerProcess, spawnServer } from '../../support/server-process.ts'
import { useFolder } from '../../support/temporary.ts'

/** A server that is stopped while what it waits for does not come. */

const program = fileURLToPath(new URL('../../support/sandbox/server.ts', import.meta.url))
const database = useDatabase()
const folder = useFolder()
/** The requests to the provider that are never answered. */
let isHeld = (_: Asked): boolean => false
let service: E2bService
let server: ServerProcess | undefined

beforeAll(async () => {
  service = await openE2bService({
    templates: { 'template-': '/nowhere' },
    fault: (asked) => (isHeld(asked) ? new Promise(() => undefined) : undefined),
  })
})
afterEach(async () => {
  isHeld = () => false
  if (server !== undefined) await kill(server)
  await database.sql`truncate sandboxes, rollouts, tool_calls, grades`
})
afterAll(() => service.close())

async function start(variables: Readonly<Record<string, string>> = {}) {
  const { apiKey, apiUrl = '', sandboxUrl = '' } = service.settings
  const e2b = { SANDBOX_PROVIDER: 'e2b', E2B_API_KEY: apiKey, E2B_API_URL: apiUrl, E2B_SANDBOX_URL: sandboxUrl }
  const more = { DRAIN_SECONDS: '0.5', PORT: '0', HOST: '127.0.0.1', AUTH: 'open' }
  const env = { DATABASE_URL: database.url, DATA_DIR: folder, ...e2b, ...more, ...variables }
  server = spawnServer(folder, env, program)
  return { ...server, url: await addressOf(server) }
}

const body = z.looseObject({ error: z.object({ code: z.string() }).optional() })
async function ask(address: string, content: unknown) {
  const answer = await fetch(address, { method: 'POST', body: JSON.stringify(content) })
  return [answer.status, body.parse(await answer.json()).error?.code]
}
const call = (url: string, rollout: string) =>
  ask(`${url}/tools/shell`, toolCall('shell', rollout, 'a', { command: 'x' }))
const grade = (url: string, rollout: string) => ask(`${url}/graders/in_sandbox`, gradingOf(rollout, 'x'))
const stopped = [503, 'server_stopping']

it('a creation that the provider never answers, and the calls that wait for places, end with the time to drain', async () => {
  isHeld = ({ method, path }) => method === 'POST' && path === '/v2/sandboxes'
  const { url, child, ended } = await start({ SANDBOX_MAX_OPENING: '1' })
  const creating = call(url, 'creating')
  await expect.poll(() => service.asked.some(isHeld)).toBe(true)
  const others = [call(url, 'creating'), call(url, 'waiting'), grade(url, 'graded')]
  await expect.poll(() => database.sql`select 1 from sandboxes where status = 'requested'`).toHaveLength(2)
  child.kill('SIGTERM')
  expect(await Promise.all([creating, ...others])).toEqual([stopped, stopped, stopped, stopped])
  expect(await ended).toBe(0)
  // What waited has given its request up; the creation may have succeeded, and keeps its place.
  const rows = await database.sql`select status, granted_at is not null as counts from sandboxes`
  expect(rows).toEqual([{ status: 'opening', counts: true }])
})

it('a sandbox that the provider never removes does not keep the server from stopping', async () => {
  const labels = { installation: 'stop', rollout: '999999', name: 'shell', generation: '1' }
  const metadata = Object.fromEntries(Object.entries(labels).map(([name, value]) => [`scorekeeper_${name}`, value]))
  const { apiKey, apiUrl = '' } = service.settings
  const orphan = { templateID: 'template-', timeout: 600, autoPause: false, secure: true, allow_internet_access: false }
  const made = await fetch(`${apiUrl}/v2/sandboxes`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey },
    body: JSON.stringify({ ...orphan, network: { allowPublicTraffic: false }, metadata }),
  })
  expect(made.ok).toBe(true)
  isHeld = ({ method }) => method === 'DELETE'
  const { child, ended } = await start({ SANDBOX_INSTALLATION: 'stop' })
  await expect.poll(() => service.asked.some(isHeld)).toBe(true)
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
})

it('a database that does not answer the folding does not keep the server from stopping', async () => {
  const { child, ended } = await start()
  const isLocked = gate()
  const locking = database.another().sql.begin(async (tx) => {
    await tx`lock table rollup_cursor in access exclusive mode`
    await isLocked.pass()
  })
  await isLocked.reached
  const waiting = () => database.sql`
    select 1 from pg_stat_activity where datname = current_database() and application_name = 'scorekeeper dashboard'
      and wait_event_type = 'Lock'`
  await expect.poll(waiting, { timeout: 20_000 }).not.toEqual([])
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
  isLocked.open()
  await locking
}, 50_000)
