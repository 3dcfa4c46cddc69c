import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { z } from 'zod'
import type { E2bSettings } from '../../../../src/runtime/sandbox/e2b/e2b-provider.ts'
import { type Machine, startMachine } from './machine.ts'
import { createProcesses, type Processes } from './processes.ts'

/** What goes wrong with a request, such as `POST /v2/sandboxes`. */
export interface Fault {
  /** 0 cuts the connection. */
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Whether the request has its effect all the same; by default it has none. */
  readonly isDone?: boolean
}

/** A request to the service. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly body: unknown
  /** After so many milliseconds the service kills the process that the request starts. */
  readonly timeLimitMs?: string
}

interface Box {
  readonly id: string
  token: string
  state: 'running' | 'paused'
  readonly template: string
  readonly request: NewSandbox
  readonly startedAt: number
  endAt: number
  readonly processes: Processes
  /** Its machine, which starts when it is first needed. */
  machine(): Promise<Machine>
  stop(): Promise<void>
}

const newSandbox = z.object({
  templateID: z.string(),
  timeout: z.int().positive(),
  autoPause: z.boolean(),
  allow_internet_access: z.boolean(),
  network: z.object({ allowPublicTraffic: z.boolean() }),
  metadata: z.record(z.string(), z.string()),
})
/** A request for a sandbox. */
export type NewSandbox = z.infer<typeof newSandbox>

const mostSeconds = 24 * 3_600

/** Options of {@link openE2bService}. */
export interface E2bServiceOptions {
  /** The templates: names, and the folders whose files are in the user's home. */
  readonly templates: Readonly<Record<string, string>>
  /** The most items of a page, by default 100. */
  readonly pageSize?: number
  /** Asked before each request; what it returns is the response. It may wait. */
  fault?(asked: Asked): Promise<Fault | undefined> | Fault | undefined
}

/**
 * Opens a server that speaks E2B's API: its REST API below `/api`, and the service within each sandbox below `/in`. Written
 * from the published descriptions, and used by E2B's own package; E2B itself was not asked.
 */
export async function openE2bService({ templates, pageSize = 100, fault }: E2bServiceOptions) {
  const apiKey = `e2b_${'0'.repeat(32)}`
  const boxes = new Map<string, Box>()
  const asked: Asked[] = []
  let made = 0
  let last = Date.now()

  const remove = async (box: Box) => {
    boxes.delete(box.id)
    await box.stop()
  }
  const alive = (id: string | undefined): Box | undefined => {
    for (const box of boxes.values()) if (box.endAt <= Date.now()) void remove(box)
    return id === undefined ? undefined : boxes.get(id)
  }

  const create = (body: unknown): Answer => {
    const { data } = newSandbox.safeParse(body)
    if (data === undefined) return refusal(400, 'Error when parsing request')
    const template = templates[data.templateID]
    if (template === undefined) return refusal(404, `template '${data.templateID}' not found`)
    if (data.timeout > mostSeconds) return refusal(400, 'Timeout cannot be greater than 24 hours')
    made += 1
    last = Math.max(last + 1, Date.now())
    const id = `i${made}${randomUUID().replaceAll('-', '').slice(0, 19)}`
    let machine: Promise<Machine> | undefined
    const start = () => {
      machine ??= startMachine(template)
      return machine
    }
    const box: Box = {
      id,
      token: randomUUID(),
      state: 'running',
      template,
      request: data,
      startedAt: last,
      endAt: Date.now() + data.timeout * 1000,
      processes: createProcesses(start),
      machine: start,
      stop: async () => (await machine)?.stop(),
    }
    boxes.set(id, box)
    return { status: 201, body: reached(box) }
  }

  const list = (query: URLSearchParams): Answer => {
    alive(undefined)
    const wanted = filterOf(query.get('metadata'))
    const size = Math.min(pageSize, Number(query.get('limit') ?? 100))
    const after = query.get('nextToken')
    const from = after === null ? Number.POSITIVE_INFINITY : Number(Buffer.from(after, 'base64').toString())
    const found = [...boxes.values()]
      .filter(({ request: { metadata } }) => Object.entries(wanted).every(([name, value]) => metadata[name] === value))
      .filter(({ startedAt }) => startedAt < from)
      .sort((one, other) => other.startedAt - one.startedAt)
    const shown = found.slice(0, size)
    const oldest = shown.at(-1)
    const headers =
      found.length > shown.length && oldest !== undefined
        ? { 'x-next-token': Buffer.from(String(oldest.startedAt)).toString('base64') }
        : {}
    return { status: 200, headers, body: shown.map((box) => ({ ...described(box), state: box.state })) }
  }

  const rest = async (request: IncomingMessage, { pathname, searchParams }: URL, body: unknown): Promise<Answer> => {
    if (request.headers['x-api-key'] !== apiKey) return refusal(401, 'Invalid API key')
    const path = pathname.slice('/api'.length)
    if (path === '/v2/sandboxes') return request.method === 'POST' ? create(body) : list(searchParams)
    const [, id, verb] = /^(?:\/v2)?\/sandboxes\/([^/]+)(\/timeout|\/connect)?$/.exec(path) ?? []
    const box = alive(id)
    if (box === undefined) return refusal(404, `Sandbox "${id}" doesn't exist or you don't have access to it`)
    if (verb !== undefined) {
      const endAt = Date.now() + z.object({ timeout: z.int() }).parse(body).timeout * 1000
      // Connecting extends it at most.
      box.endAt = verb === '/connect' ? Math.max(box.endAt, endAt) : endAt
      return verb === '/connect' ? { status: 200, body: reached(box) } : { status: 204 }
    }
    if (request.method === 'DELETE') {
      await remove(box)
      return { status: 204 }
    }
    return { status: 200, body: { ...described(box), state: box.state, envdAccessToken: box.token } }
  }

  const inside = async (
    request: IncomingMessage,
    { pathname, searchParams }: URL,
    response: ServerResponse,
  ): Promise<void> => {
    const id = String(request.headers['e2b-sandbox-id'])
    const box = alive(id)
    if (box === undefined) {
      return write(response, { status: 502, body: { sandboxId: id, message: 'The sandbox was not found', code: 502 } })
    }
    if (request.headers['x-access-token'] !== box.token) {
      return write(response, refusal(401, 'unauthorized access, please provide a valid access token'))
    }
    if (pathname.endsWith('/Start')) return box.processes.start(request, response)
    if (pathname.endsWith('/files') && request.method === 'POST' && searchParams.get('username') === 'root') {
      return write(response, {
        status: 200,
        body: [await box.processes.upload(request, searchParams.get('path') ?? '')],
      })
    }
    write(response, { status: 404 })
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://service')
    const isRest = url.pathname.startsWith('/api/')
    const body = isRest && request.method === 'POST' ? await json(request) : undefined
    const path = url.pathname.replace(/^\/(?:api|in)/, '')
    const timeLimitMs = request.headers['connect-timeout-ms']
    const one = { method: request.method ?? '', path, body, ...(timeLimitMs && { timeLimitMs: String(timeLimitMs) }) }
    asked.push(one)
    const wrong = await fault?.(one)
    if (wrong !== undefined && wrong.isDone !== true) return write(response, failing(wrong))
    if (!isRest) return inside(request, url, response)
    const answer = await rest(request, url, body)
    write(response, wrong === undefined ? answer : failing(wrong))
  }
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => write(response, refusal(500, String(error))))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const settings: E2bSettings = {
    apiKey,
    apiUrl: `http://127.0.0.1:${port}/api`,
    sandboxUrl: `http://127.0.0.1:${port}/in`,
  }

  return {
    settings,
    boxes,
    /** Every request, in order. */
    asked,
    /** How many sandboxes were ever made. */
    get made() {
      return made
    },
    /** Removes a sandbox behind its user's back. */
    async kill(id: string) {
      const box = boxes.get(id)
      if (box !== undefined) await remove(box)
    },
    /** Cuts all connections. */
    disconnect() {
      server.closeAllConnections()
    },
    async close() {
      await Promise.all([...boxes.values()].map(remove))
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export type E2bService = Awaited<ReturnType<typeof openE2bService>>

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

function write(response: ServerResponse, { status, headers, body }: Answer): void {
  if (response.headersSent || status === 0) return void response.destroy()
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}

function refusal(code: number, message: string): Answer {
  return { status: code, body: { code, message } }
}

function failing({ status, headers = {} }: Fault): Answer {
  return { ...refusal(status, 'out of order'), headers }
}

function reached(box: Box) {
  return { ...described(box), envdAccessToken: box.token, domain: null }
}

function described({ id, template, request, startedAt, endAt }: Box) {
  return {
    templateID: template,
    sandboxID: id,
    clientID: '6532622b',
    envdVersion: '0.6.4',
    startedAt: new Date(startedAt).toISOString(),
    endAt: new Date(endAt).toISOString(),
    cpuCount: 2,
    memoryMB: 512,
    diskSizeMB: 1024,
    metadata: request.metadata,
  }
}

/** Decodes a filter as the service does: as a whole, and then each name and value. */
function filterOf(filter: string | null): Record<string, string> {
  if (filter === null) return {}
  const pairs = decodeURIComponent(filter)
    .split('&')
    .map((pair) => pair.split('=').map(decodeURIComponent))
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]))
}
