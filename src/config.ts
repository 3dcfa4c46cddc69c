import { existsSync } from 'node:fs'
import { z } from 'zod'
import { type AuthSettings, isOpen } from './auth/authenticate.ts'
import { readAuthSettings } from './auth/settings.ts'
import { defaultJudgeConcurrency, defaultJudgeSeconds, type JudgeSettings, modelNames } from './judge/settings.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { logLevels } from './log.ts'

/** Where vectors come from: OpenAI's embeddings API at any base address. */
export interface EmbeddingsSettings {
  /** The base address, such as `https://api.openai.com/v1`. */
  readonly url: string
  readonly model: string
  readonly apiKey: string | undefined
}

/** What the environment variables say. */
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
  readonly limits: Limits
  /** How long a stopping server lets running requests go on, in seconds. */
  readonly drainSeconds: number
  /** For how many of these seconds it still takes connections, while `/readyz` says no already. */
  readonly drainDelaySeconds: number
  /** Rollouts older than this many days are deleted; `undefined` keeps them. */
  readonly retentionDays: number | undefined
  readonly auth: AuthSettings
  readonly embeddings: EmbeddingsSettings | undefined
  /** The judging models; `undefined` for none. */
  readonly judge: JudgeSettings | undefined
  /** Whether graders of the type `python` are run. */
  readonly pythonGraders: boolean
  /** The addresses that graders and tools of the `/v1` endpoints may ask, as they were written. */
  readonly allowedAddresses: string
  /** The address at which others reach this server. */
  readonly publicUrl: string | undefined
}

/** A setting that is wrong; the message names each variable, what it was and what it should be. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const whole = (least: number, most: number) => {
  const message = `must be a whole number from ${least} to ${most}`
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= least && value <= most, message)
}
const seconds = (most: number) => {
  const message = `must be a number of seconds, more than 0 and at most ${most}`
  return z
    .string()
    .transform(Number)
    .refine((value) => value > 0 && value <= most, message)
}
const address = (protocols: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol),
      `must be an address that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    )
/** A password with a "/" in it that is not percent-encoded ends the host too early: a part of it would be shown as one. */
const isWhole = (text: string) => {
  const { pathname, hash, search } = new URL(text)
  return !pathname.includes('@') && !hash.includes('@') && !(pathname === '' && search.includes('@'))
}
const databaseAddress = address(['postgres:', 'postgresql:']).refine(isWhole, {
  message: 'must have "/", "?" and "#" in its password percent-encoded',
  when: ({ value }) => typeof value === 'string' && URL.canParse(value),
})
const flag = z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true')

const variables = z
  .object({
    PORT: whole(0, 65_535).default(8000),
    HOST: z.string().default('127.0.0.1'),
    DATABASE_URL: databaseAddress.optional(),
    DATABASE_POOL_SIZE: whole(1, 1_000).default(16),
    DATABASE_PREPARE: flag.default(true),
    DATA_DIR: z.string().default('.data'),
    LOG_LEVEL: z.enum(logLevels, `must be one of ${logLevels.join(', ')}`).default('info'),
    MAX_BODY_BYTES: whole(1_024, 1_073_741_824).default(defaultLimits.maxBodyBytes),
    MAX_REQUESTS_IN_FLIGHT: whole(1, 1_000_000).default(defaultLimits.maxRequestsInFlight),
    MAX_BYTES_IN_FLIGHT: whole(1_024, 1_099_511_627_776).default(defaultLimits.maxBytesInFlight),
    MAX_OUTPUT_BYTES: whole(1_024, 1_073_741_824).default(defaultLimits.maxOutputBytes),
    TOOL_TIMEOUT_SECONDS: seconds(3_600).default(defaultLimits.toolSeconds),
    GRADER_TIMEOUT_SECONDS: seconds(3_600).default(defaultLimits.graderSeconds),
    ANSWER_TIMEOUT_SECONDS: seconds(3_600).default(defaultLimits.answerSeconds),
    GRADING_WAIT_SECONDS: seconds(3_600).default(defaultLimits.waitSeconds),
    LEASE_SECONDS: seconds(3_600).default(defaultLimits.leaseSeconds),
    DRAIN_SECONDS: seconds(3_600).default(25),
    DRAIN_DELAY_SECONDS: whole(0, 3_600).default(0),
    RETENTION_DAYS: whole(1, 36_500).optional(),
    EMBEDDINGS_URL: address(['http:', 'https:']).optional(),
    EMBEDDINGS_MODEL: z.string().optional(),
    EMBEDDINGS_API_KEY: z.string().optional(),
    JUDGE_URL: address(['http:', 'https:']).optional(),
    JUDGE_MODEL: z.string().optional(),
    JUDGE_API_KEY: z.string().optional(),
    JUDGE_MODELS: modelNames.default(new Map()),
    JUDGE_CONCURRENCY: whole(1, 10_000).default(defaultJudgeConcurrency),
    JUDGE_TIMEOUT_SECONDS: seconds(3_600).default(defaultJudgeSeconds),
    PYTHON_GRADERS: flag.default(false),
    ALLOWED_ADDRESSES: z.string().default(''),
    PUBLIC_URL: address(['http:', 'https:']).optional(),
  })
  .refine((env) => (env.EMBEDDINGS_URL === undefined) === (env.EMBEDDINGS_MODEL === undefined), {
    path: ['EMBEDDINGS_MODEL'],
    message: 'must be set together with EMBEDDINGS_URL, or neither',
  })
  .refine((env) => (env.JUDGE_URL === undefined) === (env.JUDGE_MODEL === undefined), {
    path: ['JUDGE_MODEL'],
    message: 'must be set together with JUDGE_URL, or neither',
  })

/** Variables whose values are not repeated in messages: they may hold a password. */
const secret: ReadonlySet<string> = new Set([
  'DATABASE_URL',
  'EMBEDDINGS_API_KEY',
  'EMBEDDINGS_URL',
  'JUDGE_API_KEY',
  'JUDGE_URL',
  'ALLOWED_ADDRESSES',
  'PUBLIC_URL',
])

/**
 * Reads the settings from environment variables; an empty one counts as not set.
 *
 * @throws ConfigError with one line for each variable that is wrong.
 */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const read = variables.safeParse(given)
  const problems = read.success
    ? []
    : read.error.issues.map((issue) => problemWith(String(issue.path[0]), issue.message, given))
  const auth = authOf(given, problems)
  if (!read.success || auth === undefined) throw new ConfigError([...new Set(problems)].join('\n'))
  const it = read.data
  const config: Config = {
    isProduction: given['NODE_ENV'] === 'production',
    isUnderNpm: given['npm_lifecycle_event'] !== undefined,
    port: it.PORT,
    host: it.HOST,
    databaseUrl: it.DATABASE_URL,
    poolSize: it.DATABASE_POOL_SIZE,
    prepare: it.DATABASE_PREPARE,
    dataDir: it.DATA_DIR,
    logLevel: it.LOG_LEVEL,
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
    },
    drainSeconds: it.DRAIN_SECONDS,
    drainDelaySeconds: it.DRAIN_DELAY_SECONDS,
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
    allowedAddresses: it.ALLOWED_ADDRESSES,
    publicUrl: it.PUBLIC_URL,
  }
  if (isOpen(auth) && !isLoopback(config.host)) {
    throw new ConfigError(
      `HOST was "${config.host}", which others can reach, while no key is configured; set API_KEYS, JWT_SECRET or JWT_JWKS_URL, or HOST=127.0.0.1`,
    )
  }
  return config
}

/** The process's environment variables, with those of a `.env` file here for what is not set, except in production. */
export function readEnvironment(): NodeJS.ProcessEnv {
  const { NODE_ENV } = process.env
  if (NODE_ENV !== 'production' && existsSync('.env')) process.loadEnvFile('.env')
  return process.env
}

function problemWith(name: string, message: string, given: Readonly<Record<string, string | undefined>>): string {
  const value = given[name]
  if (value === undefined) return `${name} is not set; it ${message}`
  return secret.has(name) ? `${name} ${message}` : `${name} was "${value}"; it ${message}`
}

function authOf(env: NodeJS.ProcessEnv, problems: string[]): AuthSettings | undefined {
  try {
    return readAuthSettings(env)
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error))
    return undefined
  }
}

const isLoopback = (host: string) => host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
