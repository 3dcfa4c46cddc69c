import type { APIError } from 'openai'
import { retryAfterMs, withDeadline } from '../../base/deadline.ts'
import { createSecretRedactor } from '../../base/redact.ts'
import { shorten } from '../../base/text.ts'
import { type NoReply, type Reply, readCompletion, unusable } from './reply.ts'
import { noUsage } from './token-usage.ts'

/** Sends one request and reads the reply. Rejects only with the signal's reason when that aborts. */
export type Completions = (body: Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<Reply>

/** The settings of {@link createCompletions}. */
export interface CompletionsSettings {
  /** The base address; a user, a password and a query in it are kept. */
  readonly url: string
  readonly apiKey: string | undefined
  /** The timeout of one request, its body included, in seconds. */
  readonly trySeconds: number
}

/**
 * Makes a client of an API for chat completions that sends each request once.
 *
 * A 400 or 422 that names a parameter as unsupported (`temperature`, `seed`, `response_format` …) is the exception: the
 * request is sent again without that parameter, and the model is asked without it from then on.
 *
 * The SDK's own retries and timeouts are not used: it waits for a `Retry-After` even if the caller has left, retries
 * an exhausted quota, and its timeout ends with the headers, not with the body.
 */
export function createCompletions(settings: CompletionsSettings): Completions {
  let sender: Promise<Completions> | undefined
  const send: Completions = async (body, signal) => {
    sender ??= createSender(settings)
    return await (await sender)(body, signal)
  }
  const unsupported = new Map<unknown, Set<string>>()
  return async (body, signal) => {
    const model = body['model']
    const dropped = unsupported.get(model) ?? new Set()
    unsupported.set(model, dropped)
    for (;;) {
      const rest = Object.fromEntries(Object.entries(body).filter(([name]) => !dropped.has(name)))
      const reply = await send(rest, signal)
      const name = reply.ok ? undefined : unsupportedParameter(reply, rest)
      if (name === undefined) return reply
      dropped.add(name)
    }
  }
}

/** The optional parameters of a request. */
const optionalParameters = [
  'temperature',
  'top_p',
  'seed',
  'reasoning_effort',
  'max_completion_tokens',
  'response_format',
] as const

/** Other names of a parameter in the messages of APIs. */
const otherNames: Readonly<Record<string, string>> = {
  response_format: 'response.?format|json.?schema',
  reasoning_effort: 'reasoning[._ ]effort',
}

const complaints =
  /unsupported|not (?:be )?support|n['’]t support|unrecogni[sz]ed|unknown|unexpected|not permitted|not allowed|forbidden|unavailable|deprecated|only the default/iu

/** The parameter of a request that a reply refuses as unsupported, undefined for none. */
function unsupportedParameter({ status, reason }: NoReply, body: object): string | undefined {
  if (status !== 400 && status !== 422) return undefined
  return optionalParameters.find((name) => {
    if (!Object.hasOwn(body, name)) return false
    const isNamed = new RegExp(`\\b(?:${otherNames[name] ?? name})\\b`, 'iu').test(reason)
    // APIs word the lack of support for schemas in many ways, and a reply without one can still be read.
    return isNamed && (name === 'response_format' || complaints.test(reason))
  })
}

async function createSender({ url, apiKey, trySeconds }: CompletionsSettings): Promise<Completions> {
  // Loaded with the first request: most servers have no judge, and it is a sixth of the program.
  const { APIConnectionError, APIError, OpenAI } = await import('openai')
  const address = new URL(url)
  const { username, password } = address
  const query = Object.fromEntries(address.searchParams)
  // fetch refuses addresses with a password.
  address.username = address.password = address.search = address.hash = ''
  const basic = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')
  // Some APIs repeat the refused key in the refusal.
  const secrets = [apiKey, password, decoded(password), password === '' ? '' : basic, ...Object.values(query)]
  const client = new OpenAI({
    baseURL: address.href.replace(/\/+$/u, ''),
    apiKey: apiKey ?? 'none',
    // Options that are left out would be read from the environment.
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    // The SDK logs requests to standard output: items and answers.
    logLevel: 'off',
    maxRetries: 0,
    timeout: Math.ceil(trySeconds * 1000) + 1000,
    defaultQuery: query,
    defaultHeaders: {
      ...(apiKey === undefined && { authorization: username === '' ? null : `Basic ${basic}` }),
      // Azure reads its keys from a header of its own.
      ...(apiKey !== undefined && { 'api-key': apiKey }),
    },
    fetch: fetchWithReason,
    // The operator decides where answers are sent, not the server that is asked.
    fetchOptions: { redirect: 'manual' },
  })
  const withoutSecrets = createSecretRedactor(secrets)
  const redacted = (text: string) => shorten(withoutSecrets(text.slice(0, 10_000)), 500)

  return async (body, signal) => {
    const silence = new Error(`no answer in ${trySeconds} s`)
    try {
      return readCompletion(
        await withDeadline({ seconds: trySeconds, late: () => silence, parents: [signal] }, (within) =>
          client.post('/chat/completions', { body, signal: within }),
        ),
      )
    } catch (error) {
      signal.throwIfAborted()
      // The parser's message quotes the truncated JSON.
      if (error instanceof SyntaxError) return unusable('unreadable', 'the reply is not JSON', noUsage)
      if (error instanceof APIError && !(error instanceof APIConnectionError)) return refusalOf(error, redacted)
      return failed('unavailable', redacted(rootMessage(error)), 'a few times')
    }
  }
}

/** Puts the body of a refusal where the SDK looks for its message: some servers do not use OpenAI's shape. */
const fetchWithReason: typeof fetch = async (...request) => {
  const response = await fetch(...request)
  if (response.status < 400) return response
  const text = await response.text()
  const { status, headers } = response
  const init = { status, headers: withoutLength(headers) }
  return isReadableBySdk(text)
    ? new Response(text, init)
    : new Response(JSON.stringify({ error: { message: text } }), init)
}

function withoutLength(headers: Headers): Headers {
  const kept = new Headers(headers)
  for (const name of ['content-length', 'content-encoding', 'transfer-encoding']) kept.delete(name)
  return kept
}

function isReadableBySdk(text: string): boolean {
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === 'object' && body !== null && 'error' in body
  } catch {
    // The SDK takes the text itself as the message.
    return true
  }
}

type Failed = APIError<number | undefined, Headers | undefined>

/** An exhausted quota does not come back by itself. */
const exhausted: ReadonlySet<unknown> = new Set(['insufficient_quota', 'billing_hard_limit_reached'])

function refusalOf(error: Failed, redacted: (text: string) => string): NoReply {
  const { status = 0, headers, code, message, param } = error
  const name = typeof param === 'string' && !message.includes(param) ? ` (${param})` : ''
  const reason = redacted(`HTTP ${message}${name}`)
  const shouldRetry = headers?.get('x-should-retry')
  const isTemporary = status === 408 || status === 409 || status === 429 || status >= 500
  const retries = shouldRetry === 'true' || (isTemporary && shouldRetry !== 'false' && !exhausted.has(code))
  if (!retries) return { ...failed('refused', reason, 'no'), status }
  const milliseconds = Number(headers?.get('retry-after-ms') ?? Number.NaN)
  const pauseMs = milliseconds >= 0 ? milliseconds : retryAfterMs(headers?.get('retry-after'))
  return { ...failed('unavailable', reason, status === 429 ? 'while there is time' : 'a few times'), status, pauseMs }
}

function failed(fault: 'refused' | 'unavailable', reason: string, retry: NoReply['retry']): NoReply {
  return { ok: false, fault, reason, usage: noUsage, retry }
}

/** The message of the innermost cause: "ECONNREFUSED" is useful, "fetch failed" is not. */
function rootMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause instanceof Error) return rootMessage(error.cause)
  return error.message || ('code' in error ? String(error.code) : error.name)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
