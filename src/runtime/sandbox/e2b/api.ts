import { z } from 'zod'
import { createSecretRedactor } from '../../../base/redact.ts'
import { createSlots } from '../../concurrency.ts'
import { type Found, SandboxError, type SandboxLabels, type SandboxSpec } from '../provider.ts'
import { bodyOf, excerpt, parsed, type Sending, send } from './http.ts'

/** Where the service is, and the key for it. */
export interface ApiSettings {
  readonly apiKey: string
  /** Such as `https://api.e2b.app`. */
  readonly apiUrl: string
  /** How many requests run at once. */
  readonly concurrentRequests: number
}

/** A sandbox as the service describes it. */
export interface Described {
  readonly isRunning: boolean
  /** The token for what runs inside; undefined for a sandbox that was created without one. */
  readonly token: string | undefined
  /** The domain that it is reached at; undefined for the service's own. */
  readonly domain: string | undefined
  readonly pids: number
  readonly diskMb: number
}

/** E2B's REST API, as far as sandboxes of rollouts need it. Errors are {@link SandboxError}s. */
export interface Api {
  create(spec: SandboxSpec, labels: SandboxLabels, signal: AbortSignal): Promise<{ readonly handle: string }>
  find(labels: Partial<SandboxLabels>, signal: AbortSignal): Promise<readonly Found[]>
  /** Resolves with undefined if it does not exist. */
  describe(handle: string, signal: AbortSignal): Promise<Described | undefined>
  /** Throws `gone` if it does not exist. */
  extend(handle: string, ttlSeconds: number, signal: AbortSignal): Promise<void>
  /** One that does not exist is a success. */
  close(handle: string, signal: AbortSignal): Promise<void>
  /** Makes the smallest request that needs the key. */
  check(signal: AbortSignal): Promise<void>
}

const prefix = 'scorekeeper_'
const pageSize = 100
const mostPages = 1_000

const created = z.object({ sandboxID: z.string().regex(/^[\w-]{1,128}$/) })
const page = z.array(
  z.object({ sandboxID: z.string(), metadata: z.record(z.string(), z.string()).nullish().default({}) }),
)
const labelled = z.object({
  scorekeeper_installation: z.string(),
  scorekeeper_rollout: z.string(),
  scorekeeper_name: z.string(),
  scorekeeper_generation: z.string(),
})
const detail = z.object({
  state: z.string(),
  envdAccessToken: z.string().nullish(),
  domain: z.string().nullish(),
  metadata: z
    .object({ scorekeeper_pids: z.coerce.number().optional(), scorekeeper_disk_mb: z.coerce.number().optional() })
    .nullish(),
})
const failure = z.object({ message: z.string() })

/** Creates the client of the REST API. */
export function createApi({ apiKey, apiUrl, concurrentRequests }: ApiSettings): Api {
  const slots = createSlots(concurrentRequests)
  const redacted = createSecretRedactor([apiKey])
  const base = apiUrl.replace(/\/+$/, '')

  const ask = (method: Sending['method'], path: string, body: unknown, signal: AbortSignal): Promise<Answer> =>
    slots(signal, async () => {
      const json = body === undefined ? {} : { 'content-type': 'application/json' }
      const headers = { 'x-api-key': apiKey, accept: 'application/json', ...json }
      const text = body === undefined ? {} : { body: JSON.stringify(body) }
      const response = await send({ method, url: `${base}${path}`, headers, ...text }, signal)
      return { status: response.status, headers: response.headers, body: redacted(await bodyOf(response, signal)) }
    })

  return {
    async create(spec, labels, signal) {
      const answer = await ask('POST', '/sandboxes', requestOf(spec, labels), signal)
      if (answer.status === 404) throw new SandboxError('refused', `the template ${spec.template} does not exist`)
      return { handle: read(created, succeeded('create a sandbox', answer)).sandboxID }
    },
    async find(labels, signal) {
      const filter = filterOf(metadataOf(labels))
      const found: Found[] = []
      let next: string | null = null
      for (let pages = 0; pages < mostPages; pages += 1) {
        const query = new URLSearchParams({ metadata: filter, limit: String(pageSize) })
        if (next !== null) query.set('nextToken', next)
        const answer = await ask('GET', `/v2/sandboxes?${query}`, undefined, signal)
        for (const { sandboxID: handle, metadata } of read(page, succeeded('list sandboxes', answer))) {
          const own = labelsOf(metadata)
          if (own !== undefined && hasLabels(own, labels)) found.push({ handle, labels: own })
        }
        const last: string | null = next
        next = answer.headers.get('x-next-token')
        if (next === null || next === '') return found
        if (next === last) throw new SandboxError('unavailable', 'E2B’s list of sandboxes repeats a page')
      }
      throw new SandboxError('unavailable', `E2B’s list of sandboxes has more than ${mostPages} pages`)
    },
    async describe(handle, signal) {
      const answer = await ask('GET', pathOf(handle), undefined, signal)
      if (answer.status === 404) return undefined
      const { state, envdAccessToken, domain, metadata } = read(detail, succeeded('describe a sandbox', answer))
      return {
        isRunning: state === 'running',
        token: envdAccessToken ?? undefined,
        domain: domain ?? undefined,
        pids: metadata?.scorekeeper_pids ?? 256,
        diskMb: metadata?.scorekeeper_disk_mb ?? 256,
      }
    },
    async extend(handle, ttlSeconds, signal) {
      const answer = await ask('POST', `${pathOf(handle)}/timeout`, { timeout: Math.ceil(ttlSeconds) }, signal)
      if (answer.status === 404) throw new SandboxError('gone', `the sandbox ${handle} does not exist`)
      succeeded('extend a sandbox', answer)
    },
    async close(handle, signal) {
      const answer = await ask('DELETE', pathOf(handle), undefined, signal)
      if (answer.status !== 404) succeeded('close a sandbox', answer)
    },
    async check(signal) {
      succeeded('list sandboxes', await ask('GET', '/v2/sandboxes?limit=1', undefined, signal))
    },
  }
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** The answer, unless it is an error. */
function succeeded(what: string, answer: Answer): Answer {
  const { status, body } = answer
  if (status >= 200 && status < 300) return answer
  if (status === 401) throw new SandboxError('refused', 'E2B rejected the API key (401)')
  const { data } = failure.safeParse(parsed(body))
  const message = `E2B could not ${what} (${status})${data === undefined ? '' : `: ${excerpt(data.message)}`}`
  // 409: it is changing its state.
  const mayHaveHappened = status >= 500 || status === 408 || status === 409 || status === 425 || status === 429
  throw new SandboxError(mayHaveHappened ? 'unavailable' : 'refused', message)
}

function read<Value>(schema: z.ZodType<Value>, { body }: Answer): Value {
  const { data } = schema.safeParse(parsed(body))
  if (data === undefined) throw new SandboxError('unavailable', 'E2B’s response does not have the documented form')
  return data
}

function requestOf(spec: SandboxSpec, labels: SandboxLabels) {
  return {
    templateID: spec.template,
    timeout: Math.ceil(spec.ttlSeconds),
    // Ends at its time to live; a paused one would stay.
    autoPause: false,
    // What runs inside answers only to the holder of a token, and the sandbox's other ports to nobody else.
    secure: true,
    network: { allowPublicTraffic: false },
    allow_internet_access: spec.network,
    metadata: {
      ...metadataOf(labels),
      [`${prefix}pids`]: String(spec.pids),
      [`${prefix}disk_mb`]: String(spec.diskMb),
    },
  }
}

function metadataOf(labels: Partial<SandboxLabels>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [`${prefix}${name}`, value]))
}

/** A filter by metadata; the service decodes it as a whole, and then each name and value. */
function filterOf(metadata: Readonly<Record<string, string>>): string {
  const encoded = Object.entries(metadata).map(([name, value]) => [name, encodeURIComponent(value)])
  return String(new URLSearchParams(Object.fromEntries(encoded)))
}

function labelsOf(metadata: unknown): SandboxLabels | undefined {
  const { data } = labelled.safeParse(metadata)
  if (data === undefined) return undefined
  return {
    installation: data.scorekeeper_installation,
    rollout: data.scorekeeper_rollout,
    name: data.scorekeeper_name,
    generation: data.scorekeeper_generation,
  }
}

function hasLabels(own: SandboxLabels, asked: Partial<SandboxLabels>): boolean {
  const { installation = own.installation, rollout = own.rollout, name = own.name, generation = own.generation } = asked
  return (
    own.installation === installation && own.rollout === rollout && own.name === name && own.generation === generation
  )
}

function pathOf(handle: string): string {
  return `/sandboxes/${encodeURIComponent(handle)}`
}
