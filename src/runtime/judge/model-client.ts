import { APIConnectionError, APIError, OpenAI } from 'openai'
import { withDeadline } from '../../base/deadline.ts'
import { retryAfterMs } from '../../base/retry-after.ts'
import { shorten } from '../../base/shorten.ts'
import { type NoReply, type Reply, readCompletion, unusable } from './reply.ts'
import { noUsage } from './token-usage.ts'

/** Sends one request and reads what comes back; rejects with the signal's reason when that aborts, else never. */
export type ModelClient = (body: Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<Reply>

/** Where models are asked. */
export interface ModelClientSettings {
  /** The base address; a user, a password and a query in it are kept. */
  readonly url: string
  readonly apiKey: string | undefined
  /** How long one request may take, its body included, in seconds. */
  readonly trySeconds: number
}

/**
 * Makes what asks an API for chat completions, once a request.
 *
 * The SDK's own retries and time-outs are not used: it waits out a `Retry-After` though nobody asks any more, counts a
 * refused quota as a thing to try again, and its time is up with the headers, not with the body.
 */
export function createModelClient({ url, apiKey, trySeconds }: ModelClientSettings): ModelClient {
  const address = new URL(url)
  const { username, password } = address
  const query = Object.fromEntries(address.searchParams)
  // fetch refuses addresses with a password in them.
  address.username = address.password = address.search = address.hash = ''
  const basic = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')
  const secrets = [apiKey ?? '', password, decoded(password), password === '' ? '' : basic, ...Object.values(query)]
  const client = new OpenAI({
    baseURL: address.href.replace(/\/+$/u, ''),
    apiKey: apiKey ?? 'none',
    // What is left out would be read from the environment.
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    // It writes requests to the standard output: items, answers and all.
    logLevel: 'off',
    maxRetries: 0,
    timeout: Math.ceil(trySeconds * 1000) + 1000,
    defaultQuery: query,
    defaultHeaders: {
      ...(apiKey === undefined && { authorization: username === '' ? null : `Basic ${basic}` }),
      // Azure reads its keys from a header of its own.
      ...(apiKey !== undefined && { 'api-key': apiKey }),
    },
    // Where an answer goes is for the operator to say, not for who answers.
    fetchOptions: { redirect: 'manual' },
  })
  const told = (text: string) => shorten(without(secrets, text), 500)

  const once: ModelClient = async (body, signal) => {
    const silence = new Error(`no answer in ${trySeconds} s`)
    try {
      return readCompletion(
        await withDeadline({ seconds: trySeconds, late: () => silence, parents: [signal] }, (within) =>
          client.post('/chat/completions', { body, signal: within }),
        ),
      )
    } catch (error) {
      signal.throwIfAborted()
      // Half a JSON text; its parser quotes it.
      if (error instanceof SyntaxError) return unusable('unreadable', 'the reply is no JSON', noUsage)
      if (error instanceof APIError && !(error instanceof APIConnectionError)) return refusalOf(error, told)
      return failed('unavailable', told(rootOf(error)), 'a few times')
    }
  }

  /** Models that know nothing of schemas: their replies are read all the same, if they are what was asked for. */
  const schemaless = new Set<unknown>()
  return async (body, signal) => {
    const { response_format, ...rest } = body
    if (schemaless.has(body['model'])) return once(rest, signal)
    const reply = await once(body, signal)
    if (reply.ok || !refusesSchema(reply)) return reply
    schemaless.add(body['model'])
    return once(rest, signal)
  }
}

const refusesSchema = ({ status, why }: NoReply) =>
  (status === 400 || status === 422) && /response.?format|json.?schema/iu.test(why)

type Failed = APIError<number | undefined, Headers | undefined>

/** Quotas that are used up do not come back by themselves. */
const usedUp: ReadonlySet<unknown> = new Set(['insufficient_quota', 'billing_hard_limit_reached'])

function refusalOf({ status = 0, headers, code, message }: Failed, told: (text: string) => string): NoReply {
  const why = told(`HTTP ${message}`)
  const wish = headers?.get('x-should-retry')
  const passes = status === 408 || status === 409 || status === 429 || status >= 500
  const again = wish === 'true' || (passes && wish !== 'false' && !usedUp.has(code))
  if (!again) return { ...failed('refused', why, 'no'), status }
  const milliseconds = Number(headers?.get('retry-after-ms') ?? Number.NaN)
  const pauseMs = milliseconds >= 0 ? milliseconds : retryAfterMs(headers?.get('retry-after'))
  return { ...failed('unavailable', why, status === 429 ? 'while there is time' : 'a few times'), status, pauseMs }
}

const failed = (fault: 'refused' | 'unavailable', why: string, again: NoReply['again']): NoReply => ({
  ok: false,
  fault,
  why,
  usage: noUsage,
  again,
})

/** What began it: "fetch failed" says nothing, "ECONNREFUSED" does. */
function rootOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause instanceof Error) return rootOf(error.cause)
  return error.message || ('code' in error ? String(error.code) : error.name)
}

/** Some APIs repeat in a refusal the key that they refuse. */
function without(secrets: readonly string[], text: string): string {
  return secrets.reduce((left, one) => (one === '' ? left : left.replaceAll(one, '[…]')), text.slice(0, 10_000))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
