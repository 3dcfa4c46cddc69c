import type { Log } from '../base/log.ts'
import { defaultRun } from '../base/run-name.ts'
import { type TakeoverProgress, takeoverText } from '../postgres/takeover.ts'
import { type AuthSettings, isOpen } from './auth/authenticate.ts'
import type { Config, GivenVariables } from './config/config.ts'
import type { Place } from './http/serve.ts'
import type { WirePort } from './http/wire-ports.ts'

/** A warning for the operator at the start, with a stable code. */
export interface StartWarning {
  readonly code: string
  readonly message: string
}

/**
 * Warns about settings that are allowed but probably not intended: a production server with the embedded database, or
 * with a `.env` file, which it does not read.
 */
export function startWarnings(config: Config, hasEnvFile: boolean): StartWarning[] {
  if (!config.isProduction) return []
  const warnings: StartWarning[] = []
  if (config.databaseUrl === undefined) {
    const message =
      `NODE_ENV is production and DATABASE_URL is not set: the rollouts go to an embedded Postgres in DATA_DIR ` +
      `(${config.dataDir}), which other replicas do not share and a new container does not keep; set DATABASE_URL`
    warnings.push({ code: 'embedded_in_production', message })
  }
  if (hasEnvFile) {
    const message =
      'NODE_ENV is production: the .env file here is not read; set its variables in the environment, or unset NODE_ENV'
    warnings.push({ code: 'env_file_ignored', message })
  }
  return warnings
}

/** The variables that hold keys: those that callers need, then those that the server sends. */
const keyVariables = [
  'API_KEYS',
  'JWT_SECRET',
  'JWT_JWKS_URL',
  'JUDGE_API_KEY',
  'EMBEDDINGS_API_KEY',
  'E2B_API_KEY',
] as const

/** Which keys are configured and where each comes from; undefined for none. */
export function keySources({
  env,
  fromFile,
}: GivenVariables): { readonly facts: object; readonly message: string } | undefined {
  const sources = keyVariables.flatMap((name) => {
    if (!env[name]) return []
    return [[name, fromFile.has(name) ? '.env' : 'environment'] as const]
  })
  if (sources.length === 0) return undefined
  const each = sources.map(
    ([name, source]) => `${name} from ${source === '.env' ? 'the .env file' : 'the environment'}`,
  )
  return { facts: { code: 'keys', ...Object.fromEntries(sources) }, message: `keys: ${each.join(', ')}` }
}

/** The address of a port of this machine. */
export function urlOf({ host, port }: Place): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** A line of the log about a wire's port. */
export interface WirePortNotice {
  readonly level: 'info' | 'warn'
  readonly facts: Readonly<Record<string, unknown>>
  readonly message: string
}

/** Says where each wire with a port of its own is, its run, and whether it asks for a key. */
export function wirePortNotices(ports: readonly WirePort[], auth: AuthSettings): WirePortNotice[] {
  return ports.map(({ wire, host, port, run }) => {
    const url = urlOf({ host, port })
    const isOpenPort = !wire.sendsKey && !isOpen(auth)
    const code = isOpenPort ? 'wire_port_without_key' : 'wire_port'
    const ofRun = run === undefined && wire.sendsKey ? '' : `, in the run ${run ?? defaultRun}`
    const withoutKey = `. Its client can send no key, so none is asked here: who can connect may use the run`
    return {
      level: isOpenPort ? 'warn' : 'info',
      facts: { code, wire: wire.name, url, ...(run !== undefined && { run }) },
      message: `the wire ${wire.name} is at ${url}${ofRun}${isOpenPort ? withoutKey : ''}`,
    }
  })
}

const linesApartMs = 2_000

/** Makes the function that logs how far the takeover of an older ledger is: its first and last step, and every two seconds. */
export function takeoverReport(log: Log): (progress: TakeoverProgress) => void {
  let reported: { readonly at: number; readonly done: number } | undefined
  return ({ done, total }) => {
    const at = performance.now()
    const isDue = reported === undefined || done === total || at - reported.at > linesApartMs
    if (!isDue || done === reported?.done) return
    reported = { at, done }
    log.info({ code: 'takeover', done, total }, takeoverText({ done, total }))
  }
}
