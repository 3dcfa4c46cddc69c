import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { withDeadline } from '../base/deadline.ts'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { createSandboxes, type Sandboxes } from '../core/sandboxes/sandboxes.ts'
import type { SandboxTimes } from '../core/sandboxes/services.ts'
import type { SandboxPlan } from '../kit/sandboxes.ts'
import { createSandboxClosing } from '../ledger/sandbox-closing.ts'
import { findSigningKey } from '../ledger/sessions.ts'
import type { Database } from '../postgres/database.ts'
import type { SandboxProvider } from '../runtime/sandbox/provider.ts'
import type { Config, SandboxConfig } from './config/config.ts'

/** What {@link openSandboxes} needs. */
export interface OpenSandboxesSettings {
  readonly config: Pick<Config, 'dataDir' | 'limits' | 'sandboxes'>
  readonly plans: readonly SandboxPlan[]
  readonly sql: Database['sql']
  readonly log: Log
}

/** The sandboxes of this process. */
export interface OpenSandboxes {
  readonly sandboxes: Sandboxes
  readonly provider: SandboxProvider
  /** Ends all waiting for places and for the provider when the signal aborts, with its reason. */
  stopWith(signal: AbortSignal): void
  /** Ends this process's use of them; they stay. */
  close(): Promise<void>
}

/** How long after its last sign of life another host is taken to run still, in seconds. */
const hostAliveSeconds = 60

/** How much longer than a rollout can last the provider keeps a sandbox, in seconds. */
const marginSeconds = 900

/** How long a stop waits for what the provider holds in this process, in seconds. */
const endSeconds = 2

/**
 * Opens the provider of sandboxes. Throws an Error that says why the server cannot start with it: the machine lacks something,
 * another host serves sandboxes of its own machine, another provider's sandboxes would stay, or a sandbox would end before its
 * rollout.
 */
export async function openSandboxes({ config, plans, sql, log }: OpenSandboxesSettings): Promise<OpenSandboxes> {
  const { limits, sandboxes: given } = config
  refuseShortSandboxes(plans, limits)
  const provider = await makeProvider(given, config.dataDir)
  const problem = await provider.problem()
  if (problem !== undefined) throw new Error(`the sandbox provider "${provider.name}" cannot be used here: ${problem}`)
  const note = await provider.note?.()
  if (note !== undefined) log.info({ code: 'sandbox_limits', provider: provider.name }, `sandboxes: ${note}`)
  await refuseOtherHosts(provider, sql)
  const times = timesOf(given, plans, limits)
  await refuseOtherProviders(provider, times, sql)
  const stopping = new AbortController()
  const installation = given.installation ?? (await installationOf(sql))
  const sandboxes = createSandboxes({
    sql,
    provider,
    plans,
    installation,
    caps: { open: given.maxOpen, opening: given.maxOpening },
    times,
    log,
    stopping: stopping.signal,
  })
  return {
    sandboxes,
    provider,
    stopWith(signal) {
      if (signal.aborted) stopping.abort(signal.reason)
      signal.addEventListener('abort', () => stopping.abort(signal.reason), { once: true })
    },
    async close() {
      stopping.abort(new Error('the server is stopping'))
      const late = () => new Error(`it took longer than ${endSeconds} s`)
      await withDeadline({ seconds: endSeconds, late }, () => provider.end()).catch((cause: unknown) => {
        log.warn(
          { code: 'sandbox_provider_not_ended', provider: provider.name, cause },
          'the sandbox provider did not end',
        )
      })
    },
  }
}

/** The limits of an environment with sandboxes, which says how long rollouts are kept after a grading. */
export function limitsWithSandboxes(limits: Limits, plans: readonly SandboxPlan[]): Limits {
  const kept = plans.flatMap(({ keepAfterGradingSeconds: seconds }) => (seconds === undefined ? [] : [seconds]))
  return kept.length === 0 ? limits : { ...limits, keepSeconds: Math.max(...kept) }
}

/** Adds what happened to sandboxes in this process; how many there are is known of the whole database alone. */
export function addSandboxMetrics({ readCounter }: Metrics, { meter }: Sandboxes): void {
  const name = (what: string) => `scorekeeper_sandbox${what}`
  readCounter(name('_events_total'), 'What happened to sandboxes in this process, by event.', ['event'], () => [
    [meter.created, 'created'],
    [meter.adopted, 'adopted'],
    [meter.orphans, 'orphan_closed'],
    [meter.closed, 'closed'],
  ])
  readCounter(name('_failures_total'), 'Failures of sandboxes in this process, by cause.', ['cause'], () =>
    [...meter.failures].map(([cause, count]) => [count, cause]),
  )
  const steps = ['wait', 'create', 'close'] as const
  readCounter(name('_step_seconds_total'), 'The sum of the times of each step in this process.', ['step'], () =>
    steps.map((step) => [meter.times[step].seconds, step]),
  )
  readCounter(name('_steps_total'), 'How often each step was taken in this process.', ['step'], () =>
    steps.map((step) => [meter.times[step].count, step]),
  )
}

/** Loads the provider that is chosen, and no other. */
async function makeProvider(config: SandboxConfig, dataDir: string): Promise<SandboxProvider> {
  if (config.provider === 'container') {
    const { createContainerProvider } = await import('../runtime/sandbox/container/container-provider.ts')
    const { socket: socketPath, runtime } = config
    return createContainerProvider({ ...(socketPath && { socketPath }), ...(runtime && { runtime }) })
  }
  if (config.provider === 'e2b') {
    if (config.e2b === undefined) throw new Error('SANDBOX_PROVIDER=e2b needs E2B_API_KEY')
    const { createE2bProvider } = await import('../runtime/sandbox/e2b/e2b-provider.ts')
    return createE2bProvider(config.e2b)
  }
  const { createLocalProvider } = await import('../runtime/sandbox/local/local-provider.ts')
  return createLocalProvider({ folder: join(dataDir, 'sandboxes') })
}

function refuseShortSandboxes(plans: readonly SandboxPlan[], { idleSeconds }: Limits): void {
  const short = plans.find((plan) => plan.idleSeconds !== undefined && plan.idleSeconds < idleSeconds)
  if (short === undefined) return
  throw new Error(
    `the sandbox "${short.name}" has idleSeconds ${short.idleSeconds}, and rollouts last ${idleSeconds} s without a call: it ` +
      'would end before its rollout; raise it, or lower ROLLOUT_IDLE_MINUTES',
  )
}

async function refuseOtherHosts({ name, host }: SandboxProvider, sql: Database['sql']): Promise<void> {
  if (host === undefined) return
  const ledger = createSandboxClosing(sql)
  const others = (await ledger.others(host, hostAliveSeconds)).filter(({ alive }) => alive)
  if (others.length > 0) {
    const hosts = others.map((other) => other.host).join(', ')
    throw new Error(
      `the sandbox provider "${name}" keeps sandboxes on one machine, and a server on ${hosts} uses this database too: its ` +
        'rollouts could not be continued here; run all replicas on one host, stop the other one and wait a minute, or use ' +
        'another SANDBOX_PROVIDER',
    )
  }
  await ledger.beat(host)
}

/** Only a server with that provider removes them. */
const filesStay =
  '. The files of local sandboxes stay in DATA_DIR/sandboxes until a server with SANDBOX_PROVIDER=local runs, or until the ' +
  'folder is deleted'

/** After a change of the provider no server would close the sandboxes of the former one, and rollouts would lose theirs. */
async function refuseOtherProviders(
  { name }: SandboxProvider,
  { create, timeToLive }: SandboxTimes,
  sql: Database['sql'],
): Promise<void> {
  const others = await createSandboxClosing(sql).ofOtherProviders(name, create + timeToLive)
  if (others.length === 0) return
  const found = others.map(
    ({ provider, count, used }) => `${count} of "${provider}", ${used} in use by an open rollout`,
  )
  const [former] = others
  const minutes = Math.max(1, Math.ceil(Math.max(...others.map(({ seconds }) => seconds)) / 60))
  throw new Error(
    `SANDBOX_PROVIDER is "${name}", and there are sandboxes of another provider, which would stay: ${found.join('; ')}. ` +
      `Run the server with SANDBOX_PROVIDER=${former?.provider} until "scorekeeper sandboxes" lists none. They all end by ` +
      `themselves within ${minutes} min; after that the server starts${others.some(({ provider }) => provider === 'local') ? filesStay : ''}`,
  )
}

/** A label that all replicas read from their database, and that no other installation has. */
async function installationOf(sql: Database['sql']): Promise<string> {
  const key = await findSigningKey(sql, 'sandboxes')
  return createHash('sha256').update(key).digest('hex').slice(0, 16)
}

function timesOf(config: SandboxConfig, plans: readonly SandboxPlan[], limits: Limits): SandboxTimes {
  const { idleSeconds, keepSeconds, answerSeconds, leaseSeconds } = limits
  const idle = Math.max(idleSeconds, ...plans.map((plan) => plan.idleSeconds ?? 0))
  return {
    wait: config.waitSeconds,
    create: 90,
    look: 15,
    request: 30,
    lease: leaseSeconds,
    timeToLive: Math.ceil(idle + answerSeconds + keepSeconds + marginSeconds),
  }
}
