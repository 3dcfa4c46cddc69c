import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defaultLimits, type Limits } from '../../../src/base/limits.ts'
import { defineEnvironment } from '../../../src/kit/define.ts'
import type { SandboxDefinition } from '../../../src/kit/sandboxes.ts'
import { createLocalProvider } from '../../../src/runtime/sandbox/local/local-provider.ts'
import { type Config, loadConfig } from '../../../src/server/config/config.ts'
import { openSandboxes } from '../../../src/server/sandboxes.ts'
import { keepingLog, post, testApp, toolCall } from '../../support/app.ts'
import { useDatabase } from '../../support/database.ts'
import { type E2bService, type NewSandbox, openE2bService } from '../../support/sandbox/e2b/service.ts'
import { useFolder } from '../../support/temporary.ts'

const database = useDatabase()
const folder = useFolder()
let service: E2bService
let calls = 0
const trial = createLocalProvider({ folder: join(folder, 'trial') })
/** What the provider `local` lacks on this machine. */
const lacking = await trial.problem()
await trial.end()

beforeAll(async () => {
  service = await openE2bService({ templates: { desk: '/nowhere' } })
})
afterAll(() => service.close())

interface Given {
  readonly variables?: Readonly<Record<string, string>>
  readonly limits?: Partial<Limits>
  readonly sandbox?: Partial<SandboxDefinition<unknown>>
}

/** Starts the sandboxes of a server with these settings; `create` opens one and resolves with the request for it. */
async function started<Result>(
  { variables = {}, limits = {}, sandbox = {} }: Given,
  work: (create: () => Promise<NewSandbox>) => Promise<Result>,
): Promise<Result> {
  const { apiKey, apiUrl = '', sandboxUrl = '' } = service.settings
  const e2b = { SANDBOX_PROVIDER: 'e2b', E2B_API_KEY: apiKey, E2B_API_URL: apiUrl, E2B_SANDBOX_URL: sandboxUrl }
  const loaded: Config = loadConfig({ ...e2b, DATA_DIR: folder, ...variables })
  const config = { ...loaded, limits: { ...defaultLimits, ...limits } }
  const environment = defineEnvironment({
    task: z.object({}),
    reference: z.object({}),
    state: z.object({}),
    sandboxes: { shell: { template: 'desk', ...sandbox } },
  })
  const tool = environment.defineTool({
    name: 'shell',
    description: 'Opens the sandbox.',
    effects: 'external',
    input: z.object({}),
    sandboxes: ['shell'],
    run: () => 'opened',
  })
  const open = await openSandboxes({ config, plans: environment.sandboxes, sql: database.sql, log: keepingLog() })
  try {
    const app = testApp(database, { tools: [tool], sandboxes: open.sandboxes, limits: config.limits })
    return await work(async () => {
      calls += 1
      expect((await post(app, '/tools/shell', toolCall('shell', `rollout-${calls}`, 'a', {}))).status).toBe(200)
      const [box] = service.boxes.values()
      if (box === undefined) throw new Error('no sandbox was opened')
      await service.kill(box.id)
      return box.request
    })
  } finally {
    await open.close()
  }
}

it('a sandbox that would end before its rollout is refused at the start, with the reason', async () => {
  const limits = { idleSeconds: 3_600 }
  await expect(started({ limits, sandbox: { idleSeconds: 3_599 } }, async () => undefined)).rejects.toThrow(
    'the sandbox "shell" has idleSeconds 3599, and rollouts last 3600 s without a call: it would end before its rollout; ' +
      'raise it, or lower ROLLOUT_IDLE_MINUTES',
  )
  await started({ limits, sandbox: { idleSeconds: 3_600 } }, async () => undefined)
  await started({ limits: { idleSeconds: 60 }, sandbox: { idleSeconds: 3_599 } }, async () => undefined)
})

it.each([
  ['of its rollout', {}, 1_000],
  ['of its own, if that is longer', { idleSeconds: 5_000 }, 5_000],
])(
  'the provider ends a sandbox later than the idle time %s, the grading and the time after it, and a margin',
  async (_, sandbox, idle) => {
    const limits = { idleSeconds: 1_000, answerSeconds: 100, keepSeconds: 10 }
    const { timeout } = await started({ limits, sandbox }, (create) => create())
    expect(timeout).toBeGreaterThan(idle + 100 + 10)
    expect(timeout - idle - 100 - 10).toBe(900)
  },
)

it('a key that the provider rejects, and a provider that does not answer, are refused at the start', async () => {
  await expect(started({ variables: { E2B_API_KEY: 'e2b_wrong' } }, async () => undefined)).rejects.toThrow(
    'the sandbox provider "e2b" cannot be used here: E2B rejected the API key (401)',
  )
  await expect(started({ variables: { E2B_API_URL: 'http://127.0.0.1:9' } }, async () => undefined)).rejects.toThrow(
    /^the sandbox provider "e2b" cannot be used here: the connection to E2B/,
  )
})

it('servers of one database share the label of their sandboxes, and another label can be set', async () => {
  const labels: (string | undefined)[] = []
  for (const variables of [{}, {}, { SANDBOX_INSTALLATION: 'staging' }]) {
    const { metadata } = await started({ variables }, (create) => create())
    labels.push(metadata['scorekeeper_installation'])
  }
  expect(labels).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/), labels[0], 'staging'])
})

describe('sandboxes of a former provider', () => {
  beforeEach(() => database.sql`truncate sandboxes, rollouts`)
  afterEach(() => database.sql`truncate sandboxes, rollouts`)
  const statuses = () => database.sql`select status, cause, closed_at is null as counts from sandboxes order by rollout`

  it('are refused at the start, with how many there are and what to do, until they have ended by themselves', async () => {
    await database.sql`
      insert into rollouts (run, id, number, item_hash, ended_at) values
        ('default', 'open', 1, 'x', null), ('default', 'ended', 2, 'x', now())`
    await database.sql`
      insert into sandboxes (run, rollout, name, status, provider, handle, granted_at, opened_at, expires_at) values
        ('default', 1, 'shell', 'open', 'container', 'a', now(), now(), now() + interval '89.5 minutes'),
        ('default', 2, 'shell', 'closing', 'container', 'b', now(), now(), now() + interval '1 minute'),
        ('default', 3, 'shell', 'failed', 'container', null, now() - interval '1 day', null, null)`
    const refused =
      'SANDBOX_PROVIDER is "e2b", and there are sandboxes of another provider, which would stay: 2 of "container", 1 in use ' +
      'by an open rollout. Run the server with SANDBOX_PROVIDER=container until "scorekeeper sandboxes" lists none. They all ' +
      'end by themselves within 90 min; after that the server starts'
    await expect(started({}, async () => undefined)).rejects.toThrow(refused)
    expect(await statuses()).toMatchObject([
      { status: 'open', counts: true },
      { status: 'closing', counts: true },
      { status: 'failed', cause: 'provider_changed', counts: false },
    ])
    await database.sql`update sandboxes set expires_at = now() - interval '1 second'`
    await started({}, async () => undefined)
    expect(await statuses()).toMatchObject([
      { status: 'failed', cause: 'provider_changed', counts: false },
      { status: 'closed', counts: false },
      { status: 'failed', counts: false },
    ])
  })

  it('leave their files behind where they are local, and the refusal says where and how they are removed', async () => {
    await database.sql`
      insert into sandboxes (run, rollout, name, status, provider, host, handle, granted_at, opened_at, expires_at)
        values ('default', 1, 'shell', 'open', 'local', 'here', 'a', now(), now(), now() + interval '30 seconds')`
    await expect(started({}, async () => undefined)).rejects.toThrow(
      'They all end by themselves within 1 min; after that the server starts. The files of local sandboxes stay in ' +
        'DATA_DIR/sandboxes until a server with SANDBOX_PROVIDER=local runs, or until the folder is deleted',
    )
  })
})

describe('sandboxes on the disk of a host', () => {
  const seen = (host: string, secondsAgo: number) => database.sql`
    insert into sandbox_hosts (host, seen_at) values (${host}, now() - make_interval(secs => ${secondsAgo}))`
  const startedAt = (provider: string) => started({ variables: { SANDBOX_PROVIDER: provider } }, async () => undefined)
  afterEach(() => database.sql`truncate sandbox_hosts`)

  it('do not concern a server whose provider has no host', async () => {
    await seen('elsewhere', 5)
    await startedAt('e2b')
  })

  it.skipIf(lacking !== undefined)('are refused at the start while a server of another host runs', async () => {
    await seen('elsewhere', 5)
    await expect(startedAt('local')).rejects.toThrow(
      'the sandbox provider "local" keeps sandboxes on one machine, and a server on elsewhere uses this database too',
    )
  })

  it.skipIf(lacking !== undefined)('can be used a minute after the server of the other host was seen', async () => {
    await seen('elsewhere', 61)
    await startedAt('local')
    const hosts = await database.sql`select host from sandbox_hosts where seen_at > now() - interval '5 seconds'`
    expect(hosts).toHaveLength(1)
  })
})
