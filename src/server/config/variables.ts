import { z } from 'zod'
import { defaultLimits } from '../../base/limits.ts'
import { logLevels } from '../../base/log.ts'
import { defaultBurstGapSeconds } from '../../ledger/rollups/places.ts'
import { datasetSources } from '../../runtime/datasets.ts'
import { defaultJudgeConcurrency, defaultJudgeSeconds, modelNames } from '../../runtime/judge/settings.ts'
import { wireNames, wirePorts } from '../http/wire-ports.ts'

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
const minutes = (most: number) => {
  const message = `must be a number of minutes, more than 0 and at most ${most}`
  return z
    .string()
    .transform(Number)
    .refine((value) => value > 0 && value <= most, message)
}
const share = z
  .string()
  .transform(Number)
  .refine((value) => value > 0 && value <= 1, 'must be a share of the requests, more than 0 and at most 1')
const address = (protocols: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol),
      `must be an address that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    )
/** With an unencoded "/" in the password, part of the password would be parsed, and shown, as the host. */
const isWhole = (text: string) => {
  const { pathname, hash, search } = new URL(text)
  return !pathname.includes('@') && !hash.includes('@') && !(pathname === '' && search.includes('@'))
}
const databaseAddress = address(['postgres:', 'postgresql:']).refine(isWhole, {
  message: 'must have "/", "?" and "#" in its password percent-encoded',
  when: ({ value }) => typeof value === 'string' && URL.canParse(value),
})
const flag = z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true')

/** The names of the providers of sandboxes. */
const sandboxProviders = ['local', 'container', 'e2b'] as const

/** The environment variables, each as text; the schemas' messages say what each must be. */
export const variables = z
  .object({
    PORT: whole(0, 65_535).default(8000),
    HOST: z.string().default('127.0.0.1'),
    DATABASE_URL: databaseAddress.optional(),
    DATABASE_POOL_SIZE: whole(1, 1_000).default(16),
    DATABASE_PREPARE: flag.default(true),
    DATA_DIR: z.string().default('.data'),
    DASHBOARD: z.enum(['on', 'off'], 'must be on or off').default('on'),
    ALARM_WEBHOOK: address(['http:', 'https:']).optional(),
    ALARM_WEBHOOK_SECRET: z.string().min(16, 'must have at least 16 characters').optional(),
    METRICS_PORT: whole(0, 65_535).optional(),
    ACCESS_LOG: share.optional(),
    TRACING: z.enum(['on', 'off'], 'must be on or off').default('off'),
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
    ROLLOUT_IDLE_MINUTES: minutes(525_600).default(defaultLimits.idleSeconds / 60),
    KEEP_AFTER_GRADING_SECONDS: whole(0, 31_536_000).default(defaultLimits.keepSeconds),
    BURST_GAP_SECONDS: seconds(3_600).default(defaultBurstGapSeconds),
    RETENTION_DAYS: whole(1, 36_500).optional(),
    EMBEDDINGS_URL: address(['http:', 'https:']).optional(),
    EMBEDDINGS_MODEL: z.string().optional(),
    EMBEDDINGS_API_KEY: z.string().optional(),
    JUDGE_URL: address(['http:', 'https:']).optional(),
    JUDGE_MODEL: z.string().optional(),
    JUDGE_API_KEY: z.string().optional(),
    JUDGE_MODELS: modelNames.default(new Map()),
    JUDGE_CONCURRENCY: whole(1, 10_000).default(defaultJudgeConcurrency),
    JUDGE_TIMEOUT_SECONDS: seconds(590).default(defaultJudgeSeconds),
    PYTHON_GRADERS: flag.default(false),
    PYTHON_CONCURRENCY: whole(1, 1_000).optional(),
    ALLOWED_ADDRESSES: z.string().default(''),
    PUBLIC_URL: address(['http:', 'https:']).optional(),
    DATASETS: datasetSources.default([]),
    SANDBOX_PROVIDER: z.enum(sandboxProviders, `must be one of ${sandboxProviders.join(', ')}`).default('local'),
    SANDBOX_SOCKET: z.string().optional(),
    SANDBOX_RUNTIME: z.string().optional(),
    E2B_API_KEY: z.string().optional(),
    E2B_DOMAIN: z
      .string()
      .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, 'must be a domain, such as e2b.app')
      .optional(),
    E2B_API_URL: address(['http:', 'https:']).optional(),
    E2B_SANDBOX_URL: address(['http:', 'https:']).optional(),
    E2B_USER: z
      .string()
      .regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'must be the name of a user')
      .refine((name) => name !== 'root', 'must be another user than root')
      .optional(),
    SANDBOX_MAX_OPEN: whole(1, 1_000_000).default(500),
    SANDBOX_MAX_OPENING: whole(1, 100_000).default(32),
    SANDBOX_WAIT_SECONDS: seconds(3_600).default(120),
    SANDBOX_INSTALLATION: z
      .string()
      .regex(/^[a-z0-9-]{1,40}$/, 'must be at most 40 small letters, digits and -')
      .optional(),
    WIRES: wireNames.optional(),
    WIRE_PORTS: wirePorts.default([]),
  })
  .refine((env) => (env.EMBEDDINGS_URL === undefined) === (env.EMBEDDINGS_MODEL === undefined), {
    path: ['EMBEDDINGS_MODEL'],
    message: 'must be set together with EMBEDDINGS_URL, or neither',
  })
  .refine((env) => (env.JUDGE_URL === undefined) === (env.JUDGE_MODEL === undefined), {
    path: ['JUDGE_MODEL'],
    message: 'must be set together with JUDGE_URL, or neither',
  })
  .refine((env) => env.SANDBOX_PROVIDER !== 'e2b' || env.E2B_API_KEY !== undefined, {
    path: ['E2B_API_KEY'],
    message: 'must be set with SANDBOX_PROVIDER=e2b',
  })

/** Variables whose values are not shown in messages, because they may contain a password. */
export const secretVariables: ReadonlySet<string> = new Set([
  'DATABASE_URL',
  'ALARM_WEBHOOK',
  'ALARM_WEBHOOK_SECRET',
  'EMBEDDINGS_API_KEY',
  'EMBEDDINGS_URL',
  'JUDGE_API_KEY',
  'JUDGE_URL',
  'E2B_API_KEY',
  'E2B_API_URL',
  'E2B_SANDBOX_URL',
  'ALLOWED_ADDRESSES',
  'PUBLIC_URL',
])
