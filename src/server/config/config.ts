import { existsSync } from 'node:fs'
import { defaultLimits, type Limits } from '../../base/limits.ts'
import type { logLevels } from '../../base/log.ts'
import type { ReadSettings, SettingsReader } from '../../kit/settings.ts'
import { withTlsVariables } from '../../postgres/address.ts'
import type { DatasetSource } from '../../runtime/datasets.ts'
import type { JudgeSettings } from '../../runtime/judge/settings.ts'
import { readAllowedAddresses } from '../../runtime/outbound/addresses.ts'
import type { E2bSettings } from '../../runtime/sandbox/e2b/e2b-provider.ts'
import { type AuthSettings, isOpen } from '../auth/authenticate.ts'
import { readAuthSettings } from '../auth/settings.ts'
import type { GivenWirePort } from '../http/wire-ports.ts'
import { secretVariables, variables } from './variables.ts'

/** Where vectors come from: OpenAI's embeddings API at any base address. */
export interface EmbeddingsSettings {
  /** The base address, such as `https://api.openai.com/v1`. */
  readonly url: string
  readonly model: string
  readonly apiKey: string | undefined
}

/** The sandboxes of a server. */
export interface SandboxConfig {
  /** The name of the provider. */
  readonly provider: 'local' | 'container' | 'e2b'
  /** For containers: the socket of Docker or Podman, and the OCI runtime; undefined for their defaults. */
  readonly socket: string | undefined
  readonly runtime: string | undefined
  /** For E2B: the key, and the domain, addresses and user if they are not the usual ones; undefined without a key. */
  readonly e2b: E2bSettings | undefined
  /** How many sandboxes may exist in the whole installation, and how many of them may be opening. */
  readonly maxOpen: number
  readonly maxOpening: number
  /** How long a request waits for a place, in seconds. */
  readonly waitSeconds: number
  /** The label of the installation; undefined for one that the database keeps. */
  readonly installation: string | undefined
}

/** The settings from the environment variables. */
export interface Config {
  /** Whether `NODE_ENV` is `production`; then no `.env` file is read. */
  readonly isProduction: boolean
  /** Whether npm runs this process, as with `npm start`. */
  readonly isUnderNpm: boolean
  readonly port: number
  readonly host: string
  /** The Postgres to use; `undefined` for the embedded one. */
  readonly databaseUrl: string | undefined
  /** The most connections for tools and graders; the ledger opens up to four more. */
  readonly poolSize: number
  /** `false` behind a pooler in transaction mode. */
  readonly prepare: boolean
  /** Where the embedded database is kept. */
  readonly dataDir: string
  readonly logLevel: (typeof logLevels)[number]
  /** Whether the pages of the dashboard are served; curves and alarms are computed in any case. */
  readonly dashboard: boolean
  /** Where alarms are posted; `undefined` for nowhere. */
  readonly alarmWebhook: { readonly url: string; readonly secret: string | undefined } | undefined
  /** The port on which `/metrics` is served alone; `undefined` for the server's own. */
  readonly metricsPort: number | undefined
  /** The share of requests with a line in the log; `undefined` for none. */
  readonly accessLog: number | undefined
  /** Whether spans are made with OpenTelemetry's API, which the project has installed. */
  readonly tracing: boolean
  readonly limits: Limits
  /** How long a stopping server waits for running requests, in seconds. */
  readonly drainSeconds: number
  /** For how many of these seconds it still accepts connections, while `/readyz` already answers 503. */
  readonly drainDelaySeconds: number
  /** Rollouts of a run that begin at most this many seconds after one another are one burst. */
  readonly burstGapSeconds: number
  /** Rollouts older than this many days are deleted; `undefined` keeps them. */
  readonly retentionDays: number | undefined
  readonly auth: AuthSettings
  readonly embeddings: EmbeddingsSettings | undefined
  /** The judging models; `undefined` for none. */
  readonly judge: JudgeSettings | undefined
  /** Whether graders of the type `python` are run. */
  readonly pythonGraders: boolean
  /** How many gradings in Python run at once; `undefined` for the default, which depends on the machine. */
  readonly pythonConcurrency: number | undefined
  /** The addresses that graders and tools of the `/v1` endpoints may call, as written in the setting. */
  readonly allowedAddresses: string
  /** The address at which others reach this server. */
  readonly publicUrl: string | undefined
  /** Used if the environment defines sandboxes. */
  readonly sandboxes: SandboxConfig
  /** The dataset files for wires whose trainers name an item by its split and index. */
  readonly datasets: readonly DatasetSource[]
  /** The names of the wires that are on; `undefined` for all. */
  readonly wires: readonly string[] | undefined
  /** The ports on which wires are served without a prefix. */
  readonly wirePorts: readonly GivenWirePort[]
}

/** Invalid settings; the message names each variable, its value and what it must be. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * Reads the settings of the server from environment variables; an empty variable counts as not set.
 *
 * @param others further problems to report in the same error
 * @throws ConfigError with one line for each variable that is wrong.
 */
export function loadConfig(env: NodeJS.ProcessEnv, others: readonly string[] = []): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const read = variables.safeParse(given)
  const problems = read.success
    ? []
    : read.error.issues.map((issue) => problemWith(String(issue.path[0]), issue.message, given))
  const auth = collected(problems, () => readAuthSettings(given))
  collected(problems, () => readAllowedAddresses(given['ALLOWED_ADDRESSES'] ?? ''))
  problems.push(...others)
  if (!read.success || auth === undefined || problems.length > 0) {
    throw new ConfigError([...new Set(problems)].join('\n'))
  }
  const it = read.data
  const config: Config = {
    isProduction: given['NODE_ENV'] === 'production',
    isUnderNpm: given['npm_lifecycle_event'] !== undefined,
    port: it.PORT,
    host: it.HOST,
    databaseUrl: it.DATABASE_URL === undefined ? undefined : withTlsVariables(it.DATABASE_URL, given),
    poolSize: it.DATABASE_POOL_SIZE,
    prepare: it.DATABASE_PREPARE,
    dataDir: it.DATA_DIR,
    logLevel: it.LOG_LEVEL,
    dashboard: it.DASHBOARD === 'on',
    metricsPort: it.METRICS_PORT,
    accessLog: it.ACCESS_LOG,
    tracing: it.TRACING === 'on',
    alarmWebhook:
      it.ALARM_WEBHOOK === undefined ? undefined : { url: it.ALARM_WEBHOOK, secret: it.ALARM_WEBHOOK_SECRET },
    limits: {
      ...defaultLimits,
      maxBodyBytes: it.MAX_BODY_BYTES,
      maxRequestsInFlight: it.MAX_REQUESTS_IN_FLIGHT,
      maxBytesInFlight: it.MAX_BYTES_IN_FLIGHT,
      maxOutputBytes: it.MAX_OUTPUT_BYTES,
      toolSeconds: it.TOOL_TIMEOUT_SECONDS,
      graderSeconds: it.GRADER_TIMEOUT_SECONDS,
      answerSeconds: it.ANSWER_TIMEOUT_SECONDS,
      waitSeconds: it.GRADING_WAIT_SECONDS,
      leaseSeconds: it.LEASE_SECONDS,
      idleSeconds: it.ROLLOUT_IDLE_MINUTES * 60,
      keepSeconds: it.KEEP_AFTER_GRADING_SECONDS,
    },
    drainSeconds: it.DRAIN_SECONDS,
    drainDelaySeconds: it.DRAIN_DELAY_SECONDS,
    burstGapSeconds: it.BURST_GAP_SECONDS,
    retentionDays: it.RETENTION_DAYS,
    auth,
    embeddings:
      it.EMBEDDINGS_URL === undefined || it.EMBEDDINGS_MODEL === undefined
        ? undefined
        : { url: it.EMBEDDINGS_URL, model: it.EMBEDDINGS_MODEL, apiKey: it.EMBEDDINGS_API_KEY },
    judge:
      it.JUDGE_URL === undefined || it.JUDGE_MODEL === undefined
        ? undefined
        : {
            url: it.JUDGE_URL,
            model: it.JUDGE_MODEL,
            apiKey: it.JUDGE_API_KEY,
            models: it.JUDGE_MODELS,
            concurrency: it.JUDGE_CONCURRENCY,
            timeoutSeconds: it.JUDGE_TIMEOUT_SECONDS,
          },
    pythonGraders: it.PYTHON_GRADERS,
    pythonConcurrency: it.PYTHON_CONCURRENCY,
    allowedAddresses: it.ALLOWED_ADDRESSES,
    publicUrl: it.PUBLIC_URL,
    sandboxes: {
      provider: it.SANDBOX_PROVIDER,
      socket: it.SANDBOX_SOCKET,
      runtime: it.SANDBOX_RUNTIME,
      e2b:
        it.E2B_API_KEY === undefined
          ? undefined
          : {
              apiKey: it.E2B_API_KEY,
              domain: it.E2B_DOMAIN,
              apiUrl: it.E2B_API_URL,
              sandboxUrl: it.E2B_SANDBOX_URL,
              user: it.E2B_USER,
            },
      maxOpen: it.SANDBOX_MAX_OPEN,
      maxOpening: it.SANDBOX_MAX_OPENING,
      waitSeconds: it.SANDBOX_WAIT_SECONDS,
      installation: it.SANDBOX_INSTALLATION,
    },
    datasets: it.DATASETS,
    wires: it.WIRES,
    wirePorts: it.WIRE_PORTS,
  }
  if (isOpen(auth) && !isLoopback(config.host)) {
    throw new ConfigError(
      `HOST was "${config.host}", which other machines can reach, while no key is configured; set API_KEYS, JWT_SECRET or JWT_JWKS_URL, or HOST=127.0.0.1`,
    )
  }
  return config
}

/**
 * Reads the server's settings and those of its environment.
 *
 * @throws ConfigError with one line for each variable of either that is wrong.
 */
export function loadSettings(
  env: NodeJS.ProcessEnv,
  reader: Pick<SettingsReader<unknown>, 'read'>,
): { readonly config: Config; readonly settings: ReadSettings } {
  const read = reader.read(env)
  const config = loadConfig(env, read.ok ? [] : read.problems)
  if (!read.ok) throw new ConfigError(read.problems.join('\n'))
  return { config, settings: read.settings }
}

/** The environment variables that a process was given. */
export interface GivenVariables {
  readonly env: NodeJS.ProcessEnv
  /** The names of those that come from the `.env` file. */
  readonly fromFile: ReadonlySet<string>
}

/**
 * Reads the environment variables. A `.env` file in the working directory adds those that are not set, except in
 * production; they are then variables of the process too.
 */
export function readVariables(): GivenVariables {
  const { NODE_ENV } = process.env
  const before = new Set(Object.keys(process.env))
  if (NODE_ENV !== 'production' && existsSync('.env')) process.loadEnvFile('.env')
  return { env: process.env, fromFile: new Set(Object.keys(process.env).filter((name) => !before.has(name))) }
}

/** Only the variables of {@link readVariables}. */
export function readEnvironment(): NodeJS.ProcessEnv {
  return readVariables().env
}

function problemWith(name: string, message: string, given: Readonly<Record<string, string | undefined>>): string {
  const value = given[name]
  if (value === undefined) return `${name} is not set; it ${message}`
  return secretVariables.has(name) ? `${name} ${message}` : `${name} was "${value}"; it ${message}`
}

/** Returns the result of `read`; if it throws, adds the message to `problems` and returns undefined. */
function collected<Value>(problems: string[], read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error))
    return undefined
  }
}

const isLoopback = (host: string) => host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
