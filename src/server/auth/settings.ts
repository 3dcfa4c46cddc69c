import { createSecretKey } from 'node:crypto'
import { z } from 'zod'
import type { AuthSettings } from './authenticate.ts'
import { type JwtSettings, jwksAlgorithms, secretAlgorithms } from './jwt.ts'
import { type ApiKey, parseApiKeys } from './keys.ts'

/** The default of `API_KEY_HEADERS`: headers that may contain a key. */
export const defaultKeyHeaders: readonly string[] = ['x-functions-key', 'api-key', 'x-api-key']

/** The fewest bytes of `JWT_SECRET`: the length of an HS256 digest. */
export const shortestSecretBytes = 32

const list = (text: string) => text.split(/[\s,]+/).filter((word) => word !== '')

const apiKeys = z.string().transform((text, context): ApiKey[] => {
  try {
    return parseApiKeys(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'it cannot be read' })
    return z.NEVER
  }
})

const keyHeaders = z.string().transform((text, context) => {
  const names = list(text.toLowerCase())
  if (names.length > 0 && names.every((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name))) return names
  const message = `must be names of headers separated by commas, such as x-api-key, but is "${text}"`
  context.addIssue({ code: 'custom', message })
  return z.NEVER
})

const secret = z.string().transform((text, context) => {
  const bytes = Buffer.byteLength(text)
  if (bytes >= shortestSecretBytes) return createSecretKey(text, 'utf8')
  const message = `must have at least ${shortestSecretBytes} bytes, but has ${bytes}; openssl rand -base64 48 makes one`
  context.addIssue({ code: 'custom', message })
  return z.NEVER
})

const jwksUrl = z.string().transform((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && url.username === '' && url.password === '' && isTrustworthy(url)) return url
  const message =
    'must be an https address without a user or password (http only for this machine, for a name without a dot, and for .local and .internal)'
  const shown = url && url.password !== '' ? '' : `, but is "${text}"`
  context.addIssue({ code: 'custom', message: `${message}${shown}` })
  return z.NEVER
})

/** Whoever can change the keys in transit can sign tokens, so plain http is allowed on private networks only. */
function isTrustworthy(url: URL): boolean {
  if (url.protocol === 'https:') return true
  const name = url.hostname
  const isNear = /^(127(\.\d+){3}|\[::1\]|[^.:]+|.+\.(localhost|local|internal))$/.test(name)
  return url.protocol === 'http:' && isNear
}

const algorithms = z.string().transform((text, context) => {
  const names = list(text)
  const known = [...secretAlgorithms, ...jwksAlgorithms]
  if (names.length > 0 && names.every((name) => known.includes(name))) return names
  context.addIssue({ code: 'custom', message: `must be some of ${known.join(', ')}, but is "${text}"` })
  return z.NEVER
})

/** The environment variables that say who may call, each as text. */
export const authVariables = z.object({
  API_KEYS: apiKeys.optional(),
  API_KEY_HEADERS: keyHeaders.optional(),
  JWT_SECRET: secret.optional(),
  JWT_JWKS_URL: jwksUrl.optional(),
  JWT_ISSUER: z.string().optional(),
  JWT_AUDIENCE: z.string().optional(),
  JWT_ALGORITHMS: algorithms.optional(),
})

/** Those whose values are not shown. */
export const secretAuthVariables: ReadonlySet<string> = new Set(['API_KEYS', 'JWT_SECRET'])

/**
 * Reads who may call from the environment variables `API_KEYS`, `API_KEY_HEADERS`, `JWT_SECRET`, `JWT_JWKS_URL`,
 * `JWT_ISSUER`, `JWT_AUDIENCE` and `JWT_ALGORITHMS`. An empty variable counts as not set. Printing the settings shows no
 * secret.
 *
 * @throws Error with one line for each variable that is wrong, which names it, and shows its value unless it is secret.
 */
export function readAuthSettings(env: NodeJS.ProcessEnv): AuthSettings {
  const read = authVariables.safeParse(Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '')))
  if (!read.success)
    throw new Error(read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'))
  const jwt: JwtSettings = {
    ...(read.data.JWT_SECRET && { secret: read.data.JWT_SECRET }),
    ...(read.data.JWT_JWKS_URL && { jwksUrl: read.data.JWT_JWKS_URL }),
    ...(read.data.JWT_ISSUER !== undefined && { issuer: read.data.JWT_ISSUER }),
    ...(read.data.JWT_AUDIENCE !== undefined && { audience: read.data.JWT_AUDIENCE }),
    ...(read.data.JWT_ALGORITHMS && { algorithms: read.data.JWT_ALGORITHMS }),
  }
  refuseIdleSettings(jwt)
  return {
    keys: read.data.API_KEYS ?? [],
    keyHeaders: read.data.API_KEY_HEADERS ?? defaultKeyHeaders,
    ...((jwt.secret || jwt.jwksUrl) && { jwt }),
  }
}

/** Refuses settings without effect, because the operator relies on the checks that they configure. */
function refuseIdleSettings({ secret, jwksUrl, issuer, audience, algorithms }: JwtSettings): void {
  const idle = [issuer && 'JWT_ISSUER', audience && 'JWT_AUDIENCE', algorithms && 'JWT_ALGORITHMS'].find(Boolean)
  if (idle && !secret && !jwksUrl) throw new Error(`${idle}: has no effect without JWT_SECRET or JWT_JWKS_URL; set one`)
  const usable = (kind: readonly string[]) => !algorithms || kind.some((name) => algorithms.includes(name))
  if (secret && !usable(secretAlgorithms)) {
    throw new Error(`JWT_ALGORITHMS: must hold ${secretAlgorithms.join(', ')} for JWT_SECRET to have an effect`)
  }
  if (jwksUrl && !usable(jwksAlgorithms)) {
    throw new Error(`JWT_ALGORITHMS: must hold one of ${jwksAlgorithms.join(', ')} for JWT_JWKS_URL to have an effect`)
  }
}
