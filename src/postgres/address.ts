import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'

/** An address of Postgres as postgres.js takes it. */
export interface DriverAddress {
  /** Without the parameters that postgres.js would send to the server, which refuses them. */
  readonly url: string
  /** The options for postgres.js; without `ssl` its own default applies: a connection without TLS. */
  readonly options: {
    readonly ssl?: boolean | 'prefer' | 'require' | ConnectionOptions
    readonly path?: string
    /** Each host with its port, separated by commas. */
    readonly host?: string
  }
}

/** Parameters of TLS that are read here, as libpq means them. */
const tlsParameters = [
  'ssl',
  'sslmode',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslrootcert',
  'sslcrl',
  'sslcrldir',
  'ssl_min_protocol_version',
] as const

/** Parameters of libpq that say where the server is, instead of the authority; see {@link placeOf}. */
const placeParameters = ['host', 'port'] as const

/** Parameters of other client libraries, without a meaning here. */
const foreignParameters = [
  'channel_binding',
  'connect_timeout',
  'connection_limit',
  'fallback_application_name',
  'gssencmode',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'load_balance_hosts',
  'passfile',
  'pgbouncer',
  'pool_timeout',
  'require_auth',
  'schema',
  'sslcertmode',
  'sslcompression',
  'sslsni',
  'tcp_user_timeout',
] as const

/** The variables of libpq for TLS parameters that the address does not have. */
const tlsVariables = {
  PGSSLMODE: 'sslmode',
  PGSSLCERT: 'sslcert',
  PGSSLKEY: 'sslkey',
  PGSSLROOTCERT: 'sslrootcert',
  PGSSLCRL: 'sslcrl',
  PGSSLCRLDIR: 'sslcrldir',
  PGSSLMINPROTOCOLVERSION: 'ssl_min_protocol_version',
} as const

const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
const filesOfTls = ['sslcert', 'sslkey', 'sslrootcert'] as const

/** Adds the parameters from `PGSSLMODE`, `PGSSLCERT`, `PGSSLKEY` and `PGSSLROOTCERT` that an address does not have. */
export function withTlsVariables(url: string, env: Readonly<Record<string, string | undefined>>): string {
  const given = parametersOf(url)
  const added = Object.entries(tlsVariables).flatMap(([variable, parameter]) => {
    const value = env[variable]
    const isOwn = given.has(parameter) || (parameter === 'sslmode' && given.has('ssl'))
    return value === undefined || value === '' || isOwn ? [] : [`${parameter}=${encodeURIComponent(value)}`]
  })
  if (added.length === 0) return url
  return `${url}${url.includes('?') ? '&' : '?'}${added.join('&')}`
}

/**
 * Reads the parameters of an address that concern TLS, as libpq means them: `sslmode`, `sslcert`, `sslkey`, `sslpassword`,
 * `sslrootcert`. With `sslmode=require` and a root certificate the server's certificate is verified as with `verify-ca`. An
 * address of a Unix socket, which never has TLS, names its folder as libpq does: in place of the host, percent-encoded, or as
 * the parameter `host`. The parameters `host` and `port` win over what stands before the path.
 *
 * @throws Error that names the parameter and says what it should be, when it cannot be applied.
 */
export function driverAddress(url: string): DriverAddress {
  const parameters = parametersOf(url)
  const path = socketOf(url, parameters)
  const bare = withoutParameters(url, [
    ...tlsParameters,
    ...foreignParameters,
    ...(URL.canParse(url) ? placeParameters : []),
  ])
  if (path !== undefined) return { url: bare, options: { ssl: false, path } }
  const place = placeOf(url, parameters)
  const options = place === undefined ? {} : { host: place.server }
  const mode = modeOf(parameters)
  if (mode === 'disable') return { url: bare, options: { ...options, ssl: false } }
  for (const name of ['sslcrl', 'sslcrldir']) {
    if (parameters.has(name)) throw new Error(`${name} is not supported: revocation lists are not read; remove it`)
  }
  const files = filesOfTls.filter((name) => parameters.has(name))
  if (mode === undefined || mode === 'allow' || mode === 'prefer') {
    if (files.length > 0) throw new Error(withoutEffect(files, mode))
    return { url: bare, options: mode === undefined ? options : { ...options, ssl: 'prefer' } }
  }
  if (parameters.has('sslcert') !== parameters.has('sslkey')) {
    throw new Error('sslcert and sslkey must be set together: the certificate of this client, and its private key')
  }
  return { url: bare, options: { ...options, ssl: secure(mode, parameters, place?.only ?? hostOf(bare)) } }
}

/** Where the server of an address is, for a person: host and port, or the path of its Unix socket. */
export function serverOf(url: string): string {
  const parameters = parametersOf(url)
  return socketOf(url, parameters) ?? placeOf(url, parameters)?.server ?? new URL(url).host
}

/** The Unix socket of an address; undefined for one with a host. */
function socketOf(url: string, parameters: Parameters): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { hostname, port } = new URL(url)
  const folder = parameters.get('host') || (/^%2f/i.test(hostname) ? decoded(hostname) : hostname)
  return folder.startsWith('/') ? `${folder}/.s.PGSQL.${parameters.get('port') || port || 5432}` : undefined
}

function decoded(folder: string): string {
  try {
    return decodeURIComponent(folder)
  } catch (cause) {
    const example = '%2Fvar%2Frun%2Fpostgresql'
    const message = `DATABASE_URL names the folder of a socket as "${folder}"; it must be percent-encoded, such as ${example}`
    throw new Error(message, { cause })
  }
}

/**
 * The server that the parameters `host` and `port` name, each host with its port, and the only host, or an empty text if there
 * are several; undefined without these parameters.
 */
function placeOf(url: string, parameters: Parameters) {
  const [hosts = '', ports = ''] = placeParameters.map((name) => parameters.get(name))
  if ((hosts === '' && ports === '') || !URL.canParse(url)) return undefined
  const own = new URL(url)
  const names = (hosts || hostOf(url) || 'localhost').split(',')
  const numbers = (ports || own.port || '5432').split(',').map(Number)
  const isValid = numbers.every((number) => Number.isInteger(number) && number > 0 && number < 65_536)
  if (!isValid || (numbers.length > 1 && numbers.length !== names.length)) {
    throw new Error(
      `the port in DATABASE_URL was "${ports}"; it must be a number from 1 to 65535, or one for each host`,
    )
  }
  const server = names.map((name, at) => `${name}:${numbers[at] ?? numbers[0]}`).join()
  return { server, only: names.length === 1 ? names.join() : '' }
}

type Parameters = ReadonlyMap<string, string>

function modeOf(parameters: Parameters): (typeof sslModes)[number] | undefined {
  const ssl = parameters.get('ssl')
  const given = parameters.get('sslmode') ?? (ssl === 'true' ? 'verify-full' : ssl === 'false' ? 'disable' : ssl)
  if (given === undefined) return parameters.get('sslrootcert') === 'system' ? 'verify-full' : undefined
  const mode = sslModes.find((each) => each === given)
  if (mode === undefined) throw new Error(`sslmode was "${given}"; it must be one of ${sslModes.join(', ')}`)
  return mode
}

const withoutEffect = (files: readonly string[], mode: string | undefined): string =>
  `${files.join(', ')} ${files.length === 1 ? 'has' : 'have'} no effect with ${mode === undefined ? 'no sslmode' : `sslmode=${mode}`}, ` +
  'which also accepts connections without TLS; set sslmode=verify-full, verify-ca or require (or PGSSLMODE)'

function secure(mode: 'require' | 'verify-ca' | 'verify-full', parameters: Parameters, host: string) {
  const root = parameters.get('sslrootcert')
  const isVerified = mode !== 'require' || root !== undefined
  const settings: ConnectionOptions = {
    rejectUnauthorized: isVerified,
    // Node checks the certificate against this name; without it, against "localhost" where the host is an IP address.
    ...(host !== '' && { host }),
    ...(isVerified && mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
    ...(root !== undefined && root !== 'system' && { ca: fileIn('sslrootcert', root) }),
  }
  const [cert, key, passphrase] = ['sslcert', 'sslkey', 'sslpassword'].map((name) => parameters.get(name))
  if (cert !== undefined) settings.cert = fileIn('sslcert', cert)
  if (key !== undefined) settings.key = fileIn('sslkey', key)
  if (passphrase !== undefined) settings.passphrase = passphrase
  const least = (['TLSv1.2', 'TLSv1.3'] as const).find((each) => each === parameters.get('ssl_min_protocol_version'))
  if (least !== undefined) settings.minVersion = least
  return settings
}

function fileIn(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`${name} was "${path}"; it must name a file that this process can read: ${reason}`, { cause })
  }
}

/** The host of an address with one; empty for several, each of which has a name of its own. */
function hostOf(url: string): string {
  if (!URL.canParse(url)) return ''
  const { hostname } = new URL(url)
  return hostname.includes(',') ? '' : hostname.replace(/^\[|\]$/g, '')
}

const queryOf = (url: string): string => (url.includes('?') ? url.slice(url.indexOf('?') + 1) : '')
const parametersOf = (url: string): Parameters => new Map(new URLSearchParams(queryOf(url)))

/** The rest of the address stays unchanged. */
function withoutParameters(url: string, names: readonly string[]): string {
  const query = queryOf(url)
  const kept = query.split('&').filter((part) => part !== '' && !names.includes(part.split('=')[0] ?? ''))
  const base = url.slice(0, url.length - query.length).replace(/\?$/, '')
  return kept.length === 0 ? base : `${base}?${kept.join('&')}`
}
